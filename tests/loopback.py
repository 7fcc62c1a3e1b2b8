"""Serve HTTP on a port of this machine, for tests that stand in for another party."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer


class Silent(BaseHTTPRequestHandler):
    """A handler that logs nothing, and lets no body wait until its headers are acknowledged."""

    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def handle(self) -> None:
        with suppress(ConnectionError):  # whoever asked was killed, as some tests do
            super().handle()

    def finish(self) -> None:
        with suppress(ConnectionError):
            super().finish()


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve for the length of a block; gives the URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, accepting(server) as url:
        yield url


@contextmanager
def accepting(server: HTTPServer) -> Iterator[str]:
    """Take connections for the length of a block, which ends at once: `serve_forever` would see it late; the URL."""
    ending = threading.Event()

    def accept() -> None:
        while not ending.is_set():
            server.handle_request()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        ending.set()
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", server.server_port)).close()
        thread.join()
