"""The servers of the stack, each a process that is started, awaited and ended."""
