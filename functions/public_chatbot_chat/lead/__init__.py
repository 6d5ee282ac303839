"""Contacts in a visitor's words, and how much of a customer he is."""
