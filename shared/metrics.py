"""Requests and sweeps as CloudWatch metrics, in the embedded format that the platform reads from the log."""

from collections.abc import Mapping
from typing import Any

from shared.context import RequestContext

_SERVER_ERROR = 500
_PROVIDER_CODES = ("provider_error", "provider_unavailable")

_SWEEP_FIGURES = (
    ("ExpiredHolds", "expired"),
    ("OverdueHolds", "overdue"),
    ("Failures", "failed"),
    ("SpentUSD", "spent_usd"),
    ("ScansTold", "scans_told"),
    ("JobsTold", "jobs_told"),
)


def print_metrics(namespace: str, function: str, status: int, context: RequestContext) -> None:
    """Print one line of metrics for a request, under the one dimension `function`.

    Model, code and request id are metadata: searchable in the log, but no dimensions, each of which is billed.
    """
    # Only where metrics are wanted: a laptop need not pay for the import.
    from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit  # noqa: PLC0415

    metrics = EphemeralMetrics(namespace=namespace)
    metrics.add_dimension("function", function)
    metrics.add_metric("Requests", MetricUnit.Count, 1)
    metrics.add_metric("Errors", MetricUnit.Count, int(status >= _SERVER_ERROR))
    metrics.add_metric("ProviderErrors", MetricUnit.Count, int(context.fields.get("code") in _PROVIDER_CODES))
    metrics.add_metric("DurationMs", MetricUnit.Milliseconds, round(context.elapsed_ms(), 1))
    metrics.add_metric(
        "ProviderMs", MetricUnit.Milliseconds, round(context.timings_ms.get("provider", 0.0), 1)
    )
    for name, field in (
        ("Tokens", "tokens"),
        ("CostUSD", "cost_usd"),
        ("Energy", "energy"),
        ("Attempts", "attempts"),
    ):
        if (value := context.fields.get(field)) is not None:
            metrics.add_metric(name, MetricUnit.Count, float(str(value)))
    metrics.add_metadata("request_id", str(context.request_id))
    metrics.add_metadata("status", status)
    for name in ("model", "code", "action"):
        if (value := context.fields.get(name)) is not None:
            metrics.add_metadata(name, value)
    metrics.flush_metrics()


def print_sweep(namespace: str, counts: Mapping[str, Any], *, whole: bool) -> None:
    """Print one line of metrics for a sweep: `Sweeps` (1 for a whole one) and those of its counts that are watched.

    `overdue` are holds that are open past their life, `spent_usd` what went to providers within the last hour.
    """
    from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit  # noqa: PLC0415

    metrics = EphemeralMetrics(namespace=namespace)
    metrics.add_dimension("function", "sweep")
    metrics.add_metric("Sweeps", MetricUnit.Count, int(whole))
    for name, field in _SWEEP_FIGURES:
        if (value := counts.get(field)) is not None:
            metrics.add_metric(name, MetricUnit.Count, float(str(value)))
    metrics.flush_metrics()
