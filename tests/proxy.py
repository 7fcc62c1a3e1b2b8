"""A proxy before the sandbox, over real HTTP: it answers some requests itself, and rewrites some answers."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from tests.loopback import Silent, serving

Answer = tuple[int, bytes]
Refuse = Callable[[str, bytes], "Answer | None"]
"""From an operation and a request's body, the status and body of an answer; None lets the request pass."""
Heard = Callable[[str, dict[str, str]], Any]
"""Called with an operation and the request's headers, whose names are in lower case."""
Rewrite = Callable[[str, bytes], bytes]
"""From an operation and an answer's body, another body."""
_HOP = {"connection", "transfer-encoding", "content-length", "date", "server", "host"}


@contextmanager
def before(
    url: str,
    refuse: Refuse = lambda *_: None,
    rewrite: Rewrite = lambda _, body: body,
    heard: Heard = lambda *_: None,
) -> Iterator[str]:
    """Serve a proxy before an endpoint for the length of a block; gives its URL."""
    host = urlsplit(url).netloc

    class Handler(Silent):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            self.behind = http.client.HTTPConnection(host, timeout=60)  # for as long as the one before the proxy

        def finish(self) -> None:
            self.behind.close()
            super().finish()

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            target = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
            operation = target or f"{self.command} {self.path}"
            heard(operation, {name.lower(): value for name, value in self.headers.items()})
            if (refused := refuse(operation, body)) is not None:
                self._answer(refused[0], refused[1], {"Content-Type": "application/x-amz-json-1.1"})
                return
            headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP}
            self.behind.request(self.command, self.path, body, {**headers, "Host": host})
            answer = self.behind.getresponse()
            content = answer.read()
            self._answer(answer.status, rewrite(operation, content), dict(answer.getheaders()))

        do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = do_PATCH = handle_any

        def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            length = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(content))
            self.send_header("Content-Length", length)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    with serving(Handler) as url_of_proxy:
        yield url_of_proxy
