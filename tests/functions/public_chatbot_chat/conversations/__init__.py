"""Visitor conversations with the contact details they hold, and how readers of them are scored."""
