"""public-chatbot-chat: answers visitors of a workspace's public page, and the workspace's users."""
