"""Iceberg tables on S3 Tables, any REST catalog or a SQL catalog; see DESIGN, the commit protocol."""

from sinks._sink import SinkComponent
from sinks.iceberg.sink import IcebergSink

__all__ = ["SINK", "IcebergSink"]

SINK = SinkComponent(name="iceberg", build=IcebergSink)
