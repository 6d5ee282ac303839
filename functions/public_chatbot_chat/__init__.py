"""public-chatbot-chat: answers for the visitors of a workspace's public page."""
