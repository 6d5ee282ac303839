"""Entry points: `app` for ASGI servers, `handler` for Lambda."""

import os

from functions.scan_processor_v2.routes import router
from shared.app import create_app
from shared.opening import open_for_platform
from shared.platform_handler import platform_handler
from shared.services import build_services
from shared.settings import Settings

settings = Settings.from_env(os.environ)
services = build_services(settings)
app = create_app("scan-processor-v2", router, settings, services)
handler = platform_handler(app)
open_for_platform(services, "functions.scan_processor_v2.processing", "functions.scan_processor_v2.shadow")
