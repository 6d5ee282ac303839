"""Entry points: `app` for ASGI servers, `handler` for Lambda."""

from functions.scan_processor_v2.routes import router
from shared.lambda_.http import http_entry

app, handler = http_entry(
    "scan-processor-v2", router, "functions.scan_processor_v2.work.scan", "functions.scan_processor_v2.shadow"
)
