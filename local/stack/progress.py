"""What `nexscout dev` shows while it starts."""

import threading

from rich.console import Console


class Stopped(Exception):  # noqa: N818 - nothing went wrong
    """Somebody asked to stop while the stack was starting."""


class Progress:
    """Names the step that is going on: a spinner on a terminal, plain lines elsewhere."""

    def __init__(self, console: Console, stop: threading.Event) -> None:
        self._console = console
        self._stop = stop
        self._spinner = console.status("Starting …")

    def __enter__(self) -> None:
        """Show the spinner where there is a terminal."""
        if self._console.is_terminal:
            self._spinner.start()

    def __exit__(self, *_: object) -> None:
        """Take the spinner away."""
        self.close()

    def __call__(self, step: str) -> None:
        """Say what is being started.

        Raises:
            Stopped: when that is no longer wanted.
        """
        if self._stop.is_set():
            raise Stopped
        if self._console.is_terminal:
            self._spinner.update(f"Starting {step} …")
        else:
            self._console.print(f"Starting {step} …")

    def close(self) -> None:
        """Take the spinner away."""
        self._spinner.stop()
