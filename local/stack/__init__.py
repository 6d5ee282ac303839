"""The whole stack: started, shown, its queues worked off, and stopped."""
