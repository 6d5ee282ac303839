"""Jobs: their rows in the database and their messages in a queue."""
