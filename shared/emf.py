"""Each request as CloudWatch metrics, in the embedded format that the platform reads from the log."""

from shared.context import RequestContext

_SERVER_ERROR = 500


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
