"""Entry points: `app` for ASGI servers, `handler` for Lambda."""

import os

from functions.generate_ai_content.routes import router
from shared.http.app import create_app
from shared.lambda_.http import platform_handler
from shared.services import build_services
from shared.settings import Settings
from shared.snapshot import open_for_platform

settings = Settings.from_env(os.environ)
services = build_services(settings)
app = create_app("generate-ai-content", router, settings, services)
handler = platform_handler(app)
open_for_platform(services)
