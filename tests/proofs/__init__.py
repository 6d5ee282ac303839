"""Long proofs of the money promises: real processes, real kills, many schedules."""
