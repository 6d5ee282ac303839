"""Migrations applied to a database, and the manifest that it is compared with."""
