"""The chat of an anonymous visitor: one turn, from the message to its answer."""
