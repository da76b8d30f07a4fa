"""The page of metrics names every metric, its labels, the original names and the log events."""

from __future__ import annotations

from cryptoflow.reference.metrics import ORIGINAL_METRICS, log_events, metrics, metrics_page


def test_every_metric_is_on_the_page_with_its_labels() -> None:
    """A new metric appears by itself."""
    page = metrics_page()
    for name, metric in metrics().items():
        line = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        assert all(f"`{label}`" in line for label in metric._labelnames)


def test_counters_are_named_as_they_are_scraped() -> None:
    """Counters end in _total, gauges and histograms do not."""
    for name, metric in metrics().items():
        assert name.endswith("_total") == (metric.describe()[0].type == "counter")


def test_every_original_name_leads_to_ours() -> None:
    """Whoever knows the earlier name finds the one to use, and that one exists."""
    page = metrics_page()
    for name in ORIGINAL_METRICS:
        assert f"| `{name}` | `cryptoflow_{name}` |" in page
        assert f"cryptoflow_{name}" in metrics()


def test_every_log_event_is_on_the_page() -> None:
    """Each event's text can be looked up from a log line."""
    page = metrics_page()
    assert all(f"| `{kind.__name__}` |" in page and kind.text in page for kind in log_events())
