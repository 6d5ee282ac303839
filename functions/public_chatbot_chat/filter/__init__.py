"""Filters of a model's answer to a visitor: markup, links, and leaks of the instructions."""
