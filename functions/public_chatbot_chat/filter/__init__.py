"""What of a model's answer may reach a visitor."""
