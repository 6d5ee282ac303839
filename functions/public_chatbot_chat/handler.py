"""Entry points: `app` for ASGI servers, `handler` for Lambda."""

from functions.public_chatbot_chat.routes import router
from shared.lambda_.http import http_entry

app, handler = http_entry("public-chatbot-chat", router, "functions.public_chatbot_chat.visitor.answer")
