"""A web server for a test: the origin of an app, which is not the API's."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from local.project import PROJECT

HTML = b"""<!doctype html><title>An app</title>
<script src="/supabase.js"></script><script src="/client.js"></script>"""
FILES = {
    "/supabase.js": PROJECT / "node_modules" / "@supabase" / "supabase-js" / "dist" / "umd" / "supabase.js",
    "/client.js": Path(__file__).with_name("browser_client.js"),
}


class App(BaseHTTPRequestHandler):
    """Serves the page and its two scripts."""

    def do_GET(self) -> None:
        """Answer one request."""
        file = FILES.get(self.path)
        body = HTML if file is None else file.read_bytes()
        self.send_response(200)
        self.send_header("content-type", "text/html" if file is None else "text/javascript")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
        """Write no log."""


@contextmanager
def other_origin() -> Iterator[str]:
    """Yield the address of the app while it is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), App)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
