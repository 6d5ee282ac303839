"""Requests and replies: the app, bodies, errors, events, OpenAPI."""
