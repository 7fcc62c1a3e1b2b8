"""A real HTTP proxy in front of the sandbox that spoils answers on their way, the same again for the same seed."""

from __future__ import annotations

import http.client
import http.server
import json
import random
import re
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from tests.loopback import accepting

PAGE = b"<html><body>Please sign in</body></html>"
DEPTH = 100_000
DRIP_SECONDS = 0.02
VALUES: tuple[Any, ...] = (None, True, 7, -1, 2**70, 1e300, "", "x", "\x1b[2J", [], {}, [None], {"a": []}, "[" * 9999)
GARBAGE = ("", "{", "null", "[]", "NaN", '{"a": NaN}', '{"a": 1e999}', '{"a": 1, "a": 2}', "[" * 9999, "\ufeff{}")
"""What stands for a document, and is none."""
DOCUMENTS = re.compile(r'"(JobConfigDocument|PipelineDefinition|HubContentDocument|JobConfigSchema)": ?"')


@dataclass
class Answer:
    """An answer on its way: `length` is what is told of its body."""

    status: int
    headers: dict[str, str]
    body: bytes
    length: int
    endless: str = ""
    """What comes without end after the body, instead: "drip" or "flood", or after half the headers, "headers"."""

    @classmethod
    def of(cls, body: bytes, status: int = 200, kind: str = "text/html") -> Answer:
        return cls(status, {"Content-Type": kind}, body, len(body))


Spoil = Callable[[Answer, random.Random], Answer]


def endless(how: str) -> Spoil:
    return lambda answer, _: replace(answer, endless=how)


def half(answer: Answer, _: random.Random) -> Answer:
    """Half of the body, told to be the whole."""
    body = answer.body[: len(answer.body) // 2]
    return Answer(answer.status, answer.headers, body, len(body))


def broken_off(answer: Answer, _: random.Random) -> Answer:
    """Half of the body, and the end of the connection."""
    return Answer(answer.status, answer.headers, answer.body[: len(answer.body) // 2], len(answer.body))


def _nodes(tree: Any) -> list[tuple[Any, Any]]:
    """Every place in a tree: a mapping or list, and the key of one of its values."""
    found: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        here = waiting.pop()
        keys = here.keys() if isinstance(here, dict) else range(len(here))
        found += [(here, key) for key in keys]
        waiting += [here[key] for key in keys if isinstance(here[key], dict | list)]
    return found


def _in_json(change: Callable[[Any, random.Random], None]) -> Spoil:
    """Change a JSON body; every other time the JSON inside a member of it."""

    def spoil(answer: Answer, dice: random.Random) -> Answer:
        try:
            tree = json.loads(answer.body)
        except ValueError:
            return half(answer, dice)
        if not isinstance(tree, dict) or not tree:
            return Answer.of(b"[]", answer.status, "application/x-amz-json-1.1")
        inner = [key for key in tree if DOCUMENTS.match(f'"{key}": "')]
        if inner and dice.random() < 0.5:
            document = json.loads(tree[inner[0]])
            change(document, dice)
            tree[inner[0]] = json.dumps(document)
        else:
            change(tree, dice)
        body = json.dumps(tree).encode()
        return Answer(answer.status, answer.headers, body, len(body))

    return spoil


def holding(answer: Answer, text: str) -> Answer:
    """Give a text in place of the document that an answer holds."""
    tree = json.loads(answer.body)
    tree |= {key: text for key in tree if DOCUMENTS.match(f'"{key}": "')}
    body = json.dumps(tree).encode()
    return Answer(answer.status, answer.headers, body, len(body))


def _spoil_document(answer: Answer, dice: random.Random) -> Answer:
    """Put what is not JSON, or not in one meaning, where a member holds a document, or a document of it does."""
    try:
        tree = json.loads(answer.body)
    except ValueError:
        return half(answer, dice)
    holders = [(here, key) for here, key in _nodes(tree) if DOCUMENTS.match(f'"{key}": "')]
    if not holders:
        return half(answer, dice)
    here, key = dice.choice(holders)
    inner = json.loads(here[key])
    deeper = [(a, b) for a, b in _nodes(inner) if DOCUMENTS.match(f'"{b}": "') and isinstance(a[b], str)]
    if deeper and dice.random() < 0.5:
        there, name = dice.choice(deeper)
        there[name] = dice.choice(GARBAGE)
        here[key] = json.dumps(inner)
    else:
        here[key] = dice.choice(GARBAGE)
    body = json.dumps(tree).encode()
    return Answer(answer.status, answer.headers, body, len(body))


def _drop_member(tree: Any, dice: random.Random) -> None:
    here, key = dice.choice(_nodes(tree))
    del here[key]


def _change_type(tree: Any, dice: random.Random) -> None:
    here, key = dice.choice(_nodes(tree))
    here[key] = dice.choice(VALUES)


def _repeat_token(tree: Any, _: random.Random) -> None:
    if isinstance(tree, dict):
        tree |= {"NextToken": "0", "nextToken": "0"}


def _lacking_in_xml(answer: Answer, dice: random.Random) -> Answer:
    """Leave an element out of XML, with all that is in it."""
    names = sorted(set(re.findall(rb"<(\w+)>", answer.body)))
    if not names:
        return half(answer, dice)
    name = dice.choice(names)
    body = re.sub(rb"<%s>.*</%s>" % (name, name), b"", answer.body, flags=re.DOTALL)
    return Answer(answer.status, answer.headers, body, len(body))


SPOILED: dict[str, Spoil] = {
    "a page": lambda *_: Answer.of(PAGE),
    "a page as 404": lambda *_: Answer.of(PAGE, 404),
    "a page as 503": lambda *_: Answer.of(PAGE, 503),
    "nothing": lambda *_: Answer.of(b"", 200, "application/x-amz-json-1.1"),
    "no members": lambda *_: Answer.of(b"{}", 200, "application/x-amz-json-1.1"),
    "null": lambda *_: Answer.of(b"null", 200, "application/x-amz-json-1.1"),
    "not of UTF-8": lambda *_: Answer.of(b"\xff\xfe{}", 200, "application/x-amz-json-1.1"),
    "other XML": lambda *_: Answer.of(b"<a><b/></a>", 200, "text/xml"),
    "a redirect": lambda *_: Answer.of(b"", 301, "text/xml"),
    "without end": lambda *_: Answer.of(b'{"a":' + b"[" * DEPTH, 200, "application/x-amz-json-1.1"),
    "half": half,
    "broken off": broken_off,
    "no document": _spoil_document,
    "a member less": _in_json(_drop_member),
    "another type": _in_json(_change_type),
    "a token that comes back": _in_json(_repeat_token),
    "an element less": _lacking_in_xml,
}


def operation_of(method: str, path: str, target: str, body: bytes) -> str:
    if target:
        return target.rpartition(".")[2]
    action = re.search(rb"Action=(\w+)", body)
    return action[1].decode() if action else f"{method} {path.partition('?')[0]}"


@dataclass
class Proxy:
    """Passes requests on to `target`; `rule` says of the nth request, by its operation, how to spoil the answer."""

    target: str
    rule: Callable[[int, str], Spoil | None] = lambda *_: None
    seed: int = 0
    asked: list[str] = field(default_factory=list)
    """The operations, in their order."""
    spoiled: int = 0
    url: str = ""
    _open: ExitStack = field(default_factory=ExitStack)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, rule: Callable[[int, str], Spoil | None], seed: int) -> None:
        """Count anew, by another rule."""
        self.rule, self.seed, self.asked = rule, seed, []

    def __enter__(self) -> Proxy:
        server = self._open.enter_context(_Server(("127.0.0.1", 0), _handler(self)))
        self.url = self._open.enter_context(accepting(server))
        return self

    def __exit__(self, *_: tuple[type[BaseException], BaseException, TracebackType]) -> None:
        self._open.close()

    def answer(
        self, behind: http.client.HTTPConnection, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> Answer:
        operation = operation_of(method, path, headers.get("X-Amz-Target", ""), body)
        with self._lock:
            self.asked.append(operation)
            number = len(self.asked)
        spoil = self.rule(number, operation)
        kept = {k: v for k, v in headers.items() if k.lower() not in _OF_ONE_CONNECTION}
        behind.request(method, path, body, kept)
        got = behind.getresponse()
        content = got.read()
        told = {k: v for k, v in got.getheaders() if k.lower() not in _OF_ONE_CONNECTION}
        length = int(got.getheader("Content-Length") or 0) if method == "HEAD" else len(content)
        answer = Answer(got.status, told, content, length)
        if spoil is None:
            return answer
        self.spoiled += 1
        return spoil(answer, random.Random(f"{self.seed} {number}"))


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that has hung up: who gives up an answer does."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


_OF_ONE_CONNECTION = {"connection", "content-length", "expect", "host", "transfer-encoding"}


def _handler(proxy: Proxy) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            self.behind = http.client.HTTPConnection(urlsplit(proxy.target).netloc, timeout=60)

        def finish(self) -> None:
            self.behind.close()
            super().finish()

        def do_any(self) -> None:
            answer = proxy.answer(self.behind, self.command, self.path, dict(self.headers.items()), self._body())
            if answer.endless:
                self._go_on(answer)
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(answer.length))
            if answer.length != len(answer.body) and self.command != "HEAD":
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        def _go_on(self, answer: Answer) -> None:
            """Answer until nobody listens any more."""
            self.close_connection = True
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            with suppress(OSError):
                if answer.endless == "headers":
                    self.flush_headers()
                    self.wfile.write(b"X-Long: ")
                else:
                    self.end_headers()
                    self.wfile.write(answer.body[:-1])
                while True:
                    self.wfile.write(b" " * (2**20 if answer.endless == "flood" else 1))
                    time.sleep(0.0 if answer.endless == "flood" else DRIP_SECONDS)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_any

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                found += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return found

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
