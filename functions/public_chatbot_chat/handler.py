"""Entry points: `app` for ASGI servers, `handler` for Lambda."""

import os

from mangum import Mangum

from functions.public_chatbot_chat.routes import router
from shared.app import create_app
from shared.settings import Settings

app = create_app("public-chatbot-chat", router, Settings.from_env(os.environ))
handler = Mangum(app, lifespan="off")
