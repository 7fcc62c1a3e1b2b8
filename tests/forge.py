"""A forge to test against: the comments of a pull request of GitHub, or the notes of a merge request of GitLab.

It answers as the two do: a hundred comments a page at most with the next page in `Link`, 401 without the token, 403
where the token only reads, 404 for what is not there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.loopback import Silent, serving

TOKEN = "the-token-of-the-job"
BOT = {"id": 41898282, "login": "github-actions[bot]", "type": "Bot"}
PERSON = {"id": 7, "login": "mona", "type": "User"}


@dataclass
class Forge:
    """What it has, and what it was asked; `may_write` is whether the token may, `status` an answer to everything."""

    url: str
    is_gitlab: bool
    comments: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    may_write: bool = True
    status: int = 0
    elsewhere: str = ""
    """An address that it names as the next page."""

    def add(self, body: str, author: dict[str, Any]) -> dict[str, Any]:
        number = len(self.comments) + 1
        self.comments.append({"id": number, "body": body, "author" if self.is_gitlab else "user": author})
        return self.comments[-1]

    def answer(self, method: str, path: str, token: str | None, body: Any) -> tuple[int, Any, str]:
        """The status, the document, and the next page."""
        self.asked.append(f"{method} {path}")
        if token != TOKEN:
            return 401, {"message": "Bad credentials"}, ""
        if self.status:
            return self.status, {}, ""
        parts = urlsplit(path)
        if parts.path == "/user":
            return (200, {"id": BOT["id"]}, "") if self.is_gitlab else (403, {"message": "not by an app"}, "")
        if self.is_gitlab:
            listed = one = r"/projects/9/merge_requests/5/notes"
        else:
            listed, one = r"/repos/o/r/issues/5/comments", r"/repos/o/r/issues/comments"
        if method == "GET" and re.fullmatch(listed, parts.path):
            return self._page(parts.path, {name: int(values[0]) for name, values in parse_qs(parts.query).items()})
        if not self.may_write:
            return 403, {"message": "Resource not accessible by integration"}, ""
        if method == "POST" and re.fullmatch(listed, parts.path):
            return 201, self.add(body["body"], BOT), ""
        found = re.fullmatch(rf"{one}/(\d+)", parts.path)
        if method == ("PUT" if self.is_gitlab else "PATCH") and found:
            self.comments[int(found[1]) - 1]["body"] = body["body"]
            return 200, self.comments[int(found[1]) - 1], ""
        return 404, {"message": "Not Found"}, ""

    def _page(self, path: str, query: dict[str, int]) -> tuple[int, Any, str]:
        size, page = min(query.get("per_page", 30), 100), query.get("page", 1)
        following = ""
        if self.elsewhere:
            following = self.elsewhere
        elif len(self.comments) > size * page:
            following = f"{self.url}{path}?per_page={size}&page={page + 1}"
        return 200, self.comments[size * (page - 1) : size * page], following


@contextmanager
def start(is_gitlab: bool) -> Iterator[Forge]:
    """Start a forge on a port of this machine."""
    forge = Forge("", is_gitlab)

    class Handler(Silent):
        def answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            given = self.headers.get("PRIVATE-TOKEN") if is_gitlab else self.headers.get("Authorization")
            token = (given or "").removeprefix("Bearer ")
            body = json.loads(content) if content else None
            status, document, following = forge.answer(self.command, self.path, token, body)
            written = json.dumps(document).encode()
            self.send_response(status)
            if following:
                self.send_header("Link", f'<{following}>; rel="next", <{forge.url}/first>; rel="first"')
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

    with serving(Handler) as forge.url:
        yield forge
