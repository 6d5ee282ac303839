"""Imports the function once and forks a worker for each line of its standard input: `<listening fd>`.

It prints the worker's process id on its standard output. A start costs milliseconds instead of seconds, and a worker
can be killed like any other process. It ends when its input ends, and its workers end with it.
"""

import os
import signal
import socket
import sys

import uvicorn

from functions.generate_ai_content.handler import app


def serve(descriptor: int) -> None:
    """Serve the function on a listening socket until a stop signal."""
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=40)
    uvicorn.Server(config).run([socket.socket(fileno=os.dup(descriptor))])


def forked(descriptor: int) -> int:
    """Fork a worker; return its process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        serve(descriptor)
    finally:
        os._exit(0)


def main() -> None:
    """Fork on demand; nothing waits for workers that ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    workers = []
    for line in sys.stdin:
        workers.append(forked(int(line)))
        print(workers[-1], flush=True)  # noqa: T201  # the answer to the one who asked
    for pid in workers:
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    main()
