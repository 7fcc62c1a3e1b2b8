"""The port of the sandbox: connections and HTTP, nothing of AWS.

In: a WSGI application. Out: its answers, on connections that stay open between requests, as AWS keeps them. A request
that the application fails on is answered with status 500.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from sagespec.sandbox import access

LOG = logging.getLogger(__name__)


class Listener:
    """An open port of the loopback interface, with a thread that serves it until it is closed."""

    def __init__(self, application: Callable[..., Any], port: int) -> None:
        """Open the port; raises OSError where it is not available."""
        self.closed = False
        with socket.create_server(("127.0.0.1", port)) as listener:
            fd = listener.fileno()  # the server creates a socket of its own from it
            server: Any = make_server("127.0.0.1", port, application, threaded=True, request_handler=_Handler, fd=fd)
        server.listener = self
        server.handle_error = _give_up
        server.log = lambda _type, message, *args: LOG.debug(message, *args)  # moto's defects: 500, no output
        self.url = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        self._server = server
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Close the port; whoever still holds a connection is not answered any more."""
        self.closed = True
        with suppress(OSError):
            socket.create_connection(self._server.server_address).close()  # wakes who waits for connections
        self._accepting.join()
        self._server.server_close()

    def _accept(self) -> None:
        while not self.closed:
            self._server.handle_request()


class _Handler(WSGIRequestHandler):
    """Keeps connections open between requests; werkzeug closes them by default."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        server: Any = self.server
        if server.listener.closed:
            self.close_connection = True
            return
        environ, said = self.make_environ(), list[Any]()
        try:
            content = b"".join(server.app(environ, lambda *given: said.extend(given)))
        except ConnectionError:
            self.close_connection = True
            return
        status, headers = said[:2]
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in access.without_cors(headers):
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("Content-Length", str(len(content)))
        if not isinstance(environ["wsgi.input"], BytesIO):  # an unread rest of the request may follow
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log(self, type: str, message: str, *args: Any) -> None:
        """Print nothing: requests are recorded in `calls`."""


def _give_up(connection: socket.socket, _address: Any) -> None:
    """Answer a request on which moto fails; called while its exception is handled."""
    LOG.debug("moto", exc_info=True)
    with suppress(OSError):
        connection.sendall(b"HTTP/1.1 500 Error\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
