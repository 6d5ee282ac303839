"""Models, their prices, and which of them may serve a call."""
