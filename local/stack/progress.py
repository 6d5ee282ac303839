"""What `nexscout dev` shows while it starts."""

import threading

from rich.console import Console


class Stopped(Exception):  # noqa: N818 - nothing went wrong
    """The user asked to stop while the stack was starting."""


class Progress:
    """Shows the present step: a spinner on a terminal, plain lines elsewhere."""

    def __init__(self, console: Console, stop: threading.Event) -> None:
        self._console = console
        self._stop = stop
        self._spinner = console.status("Starting …")

    def __enter__(self) -> None:
        """Show the spinner if there is a terminal."""
        if self._console.is_terminal:
            self._spinner.start()

    def __exit__(self, *_: object) -> None:
        """Remove the spinner."""
        self.close()

    def __call__(self, step: str) -> None:
        """Show what is being started.

        Raises:
            Stopped: when the user has asked to stop.
        """
        if self._stop.is_set():
            raise Stopped
        if self._console.is_terminal:
            self._spinner.update(f"Starting {step} …")
        else:
            self._console.print(f"Starting {step} …")

    def close(self) -> None:
        """Remove the spinner."""
        self._spinner.stop()
