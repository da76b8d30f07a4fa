"""Tables of a deployment, for the CLI: create or extend them, list them, describe one."""

from sinks.iceberg.tables import TableInfo, describe, ensure_tables, list_tables

__all__ = ["TableInfo", "describe", "ensure_tables", "list_tables"]
