"""Metric names are a contract: one prefix, each declared once."""

from __future__ import annotations

from prometheus_client.metrics import MetricWrapperBase

from cryptoflow import metrics


def test_every_metric_has_the_prefix_and_a_description() -> None:
    """A scraped page tells our metrics from those of the libraries, and what each counts."""
    found = [one for one in vars(metrics).values() if isinstance(one, MetricWrapperBase)]
    assert len(found) > 30
    for one in found:
        (described,) = one.describe()
        assert described.name.startswith("cryptoflow_")
        assert described.documentation
