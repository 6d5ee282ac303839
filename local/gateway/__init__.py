"""The one origin of the stack: functions, pages, and requests that are passed on."""
