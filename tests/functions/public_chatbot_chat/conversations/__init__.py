"""Visitor conversations with their contact details, and the scores of programs that read them."""
