"""Leads: a visitor's contact details and scores."""
