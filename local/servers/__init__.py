"""The servers of the stack; each is a process that is started, waited for and stopped."""
