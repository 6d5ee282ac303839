"""Tests of public-chatbot-chat."""
