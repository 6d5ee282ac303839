"""Scoring: how likely each person is to buy, by a model, else by rules."""
