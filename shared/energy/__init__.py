"""Energy: what a call costs the user, held and settled in the database."""
