"""CloudWatch metrics of requests and sweeps, in the embedded metric format of the log."""

from collections.abc import Mapping
from typing import Any

from shared.context import RequestContext

_SERVER_ERROR = 500
_PROVIDER_CODES = ("provider_error", "provider_unavailable")

_SWEEP_METRICS = (
    ("ExpiredHolds", "expired"),
    ("OverdueHolds", "overdue"),
    ("Failures", "failed"),
    ("SpentUSD", "spent_usd"),
    ("ScansResent", "scans_resent"),
    ("JobsResent", "jobs_resent"),
)


def print_metrics(namespace: str, function: str, status: int, context: RequestContext) -> None:
    """Print one line of metrics for a request, with the single dimension `function`.

    Model, code and request id are metadata: searchable, but not billed as dimensions are.
    """
    # Imported only if metrics are enabled: the import takes time.
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
    """Print one line of metrics for a sweep: `Sweeps` (1 if complete) and the counts that alarms watch.

    `overdue` are holds still open after their expiry, `spent_usd` is the cost of the last hour.
    """
    from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit  # noqa: PLC0415

    metrics = EphemeralMetrics(namespace=namespace)
    metrics.add_dimension("function", "sweep")
    metrics.add_metric("Sweeps", MetricUnit.Count, int(whole))
    for name, field in _SWEEP_METRICS:
        if (value := counts.get(field)) is not None:
            metrics.add_metric(name, MetricUnit.Count, float(str(value)))
    metrics.flush_metrics()
