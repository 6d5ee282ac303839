"""Entry points: `app` for ASGI servers, `handler` for Lambda."""

import os

from mangum import Mangum

from functions.scan_processor_v2.routes import router
from shared.app import create_app
from shared.settings import Settings

app = create_app("scan-processor-v2", router, Settings.from_env(os.environ))
handler = Mangum(app, lifespan="off")
