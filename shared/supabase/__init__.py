"""Supabase: the database, files, tokens, and what a user has configured."""
