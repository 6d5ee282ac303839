"""A server that refuses every password, with PostgreSQL's error on the wire."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

FIELDS = b"SFATAL\0VFATAL\0C28P01\0" + b'Mpassword authentication failed for user "ana"\0\0'
REFUSAL = b"E" + struct.pack("!I", len(FIELDS) + 4) + FIELDS
ENCRYPTION_REQUESTS = {80877103, 80877104}


@contextmanager
def wrong_password_server() -> Iterator[int]:
    """Listen on loopback while the block runs; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def serve(listener: socket.socket) -> None:
    """Answer one connection after another until the listener is closed."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            while read_start(connection) in ENCRYPTION_REQUESTS:
                connection.sendall(b"N")
            connection.sendall(REFUSAL)


def read_start(connection: socket.socket) -> int:
    """Read one start-up packet and return its code."""
    (length,) = struct.unpack("!I", connection.recv(4, socket.MSG_WAITALL))
    packet = connection.recv(length - 4, socket.MSG_WAITALL)
    (code,) = struct.unpack("!I", packet[:4])
    return int(code)
