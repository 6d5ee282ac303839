"""Entry points: `app` for ASGI servers, `handler` for Lambda."""

from functions.generate_ai_content.routes import router
from shared.lambda_.http import http_entry

app, handler = http_entry("generate-ai-content", router)
