"""The one origin of the stack: functions, pages, and what is passed through."""
