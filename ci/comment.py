"""Write what `diff` says as the one comment of a pull request of GitHub, or of a merge request of GitLab.

In: a file of Markdown whose first line is a marker, and the variables of the CI system. The comment of the token's
owner that begins with the marker is replaced; where there is none, one is made. Out: one word on stdout: `created`,
`updated`, `unchanged`, or `refused` where the forge does not take it, with the reason on stderr; that is no error,
since a pull request from a fork has a token that only reads. Needs nothing but Python.
"""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

TIMEOUT_SECONDS = 30
MOST_PAGES = 100
"""Pages of a hundred comments each; a marker behind them is not looked for."""


class Refused(Exception):
    """The forge does not take the comment; the message says why."""


class Forge(NamedTuple):
    """Where the comments of a request are, and how to ask for them."""

    api: str
    comments: str
    one: str
    """The address of one comment, before its number."""
    change: str
    """The method that changes one."""
    headers: dict[str, str]

    def ask(self, method: str, url: str, body: str | None = None) -> tuple[Any, str]:
        """Send a request; its answer, and the address of the next page or ''. Raises Refused."""
        if not url.startswith(f"{self.api}/"):
            raise Refused(f"the next page is not one of {self.api}")  # it would be given the token
        content = None if body is None else json.dumps({"body": body}).encode()
        request = urllib.request.Request(url, content, {"Content-Type": "application/json"}, method=method)
        for name, value in self.headers.items():
            request.add_unredirected_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
                following = re.search(r'<([^<>]+)>;\s*rel="next"', answer.headers.get("Link") or "")
                return json.load(answer), following[1] if following else ""
        except urllib.error.HTTPError as error:
            raise Refused(f"{method} {url.partition('?')[0]}: {error.code} {error.reason}") from None
        except (OSError, ValueError) as error:
            raise Refused(f"{method} {url.partition('?')[0]}: {error}") from None

    def pages(self) -> Iterator[Any]:
        url = f"{self.comments}?per_page=100"
        for _ in range(MOST_PAGES):
            found, url = self.ask("GET", url)
            if not isinstance(found, list):
                raise Refused(f"{self.comments} did not answer with a list of comments")
            yield from found
            if not url:
                return

    def owner(self) -> Any:
        """The number of the token's owner; None for the token of a job or an app, which may not ask."""
        try:
            return self.ask("GET", f"{self.api}/user")[0]["id"]
        except Refused:
            return None

    def find(self, marker: str) -> Any:
        """The comment that begins with a marker and is the token's own: nobody else's is overwritten."""
        owner = self.owner()
        for comment in self.pages():
            author = comment.get("user") or comment.get("author") or {}
            own = author.get("type") == "Bot" if owner is None else author.get("id") == owner
            if own and (comment.get("body") or "").split("\n")[0].strip() == marker:
                return comment
        return None

    def write(self, text: str) -> str:
        """Replace the comment, or make it; what was done."""
        comment = self.find(text.split("\n")[0])
        if comment is None:
            self.ask("POST", self.comments, text)
            return "created"
        if comment["body"].replace("\r\n", "\n").strip() == text.strip():
            return "unchanged"
        self.ask(self.change, f"{self.one}/{comment['id']}", text)
        return "updated"


def forge(environment: dict[str, str]) -> Forge:
    """The forge that this job runs at; raises Refused where it belongs to no request, or has no token."""
    token = environment.get("TOKEN", "")
    if environment.get("GITLAB_CI"):
        number = environment.get("CI_MERGE_REQUEST_IID", "")
        if not number:
            raise Refused("this pipeline is of no merge request")
        if not token:
            raise Refused("TOKEN is empty: give it a project access token with the scope api")
        api, project = (_given(environment, name) for name in ("CI_API_V4_URL", "CI_PROJECT_ID"))
        notes = f"{api}/projects/{_number(project)}/merge_requests/{_number(number)}/notes"
        return Forge(api, notes, notes, "PUT", {"PRIVATE-TOKEN": token})
    event = _event(Path(_given(environment, "GITHUB_EVENT_PATH")))
    number = str((event.get("pull_request") or {}).get("number") or "")
    if not number:
        raise Refused("this job is of no pull request")
    if not token:
        raise Refused("TOKEN is empty")
    api = _given(environment, "GITHUB_API_URL")
    issues = f"{api}/repos/{_given(environment, 'GITHUB_REPOSITORY')}/issues"
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
    return Forge(api, f"{issues}/{_number(number)}/comments", f"{issues}/comments", "PATCH", headers)


def _given(environment: dict[str, str], name: str) -> str:
    """The value of a variable that the CI system sets; raises Refused without one, as on a local runner."""
    value = environment.get(name, "")
    if not value:
        raise Refused(f"{name} is not set")
    return value


def _number(text: str) -> int:
    if not text.isdecimal():
        raise Refused(f"{text!r} is no number of a project or request")
    return int(text)


def _event(file: Path) -> Any:
    try:
        event = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Refused(f"GITHUB_EVENT_PATH cannot be read: {error}") from None
    if not isinstance(event, dict):
        raise Refused("GITHUB_EVENT_PATH is no event")
    return event


def marked(text: str, project: str) -> str:
    """Name the project in the marker, where one is named: a repository may have several."""
    first, _, rest = text.partition("\n")
    if not re.fullmatch(r"<!-- sagespec:diff(:[\w.-]+)? -->", first):
        raise Refused("the text does not begin with the marker of `sagespec diff`")
    named = re.sub(r"[^\w./]", "_", project)
    return f"{first.removesuffix(' -->')}{f' {named}' if named else ''} -->\n{rest}"


def main(file: str) -> str:
    environment = dict(os.environ)
    try:
        text = marked(Path(file).read_text("utf-8"), environment.get("PROJECT", ""))
        return forge(environment).write(text)
    except Refused as refused:
        notice = "::notice title=sagespec::" if environment.get("GITHUB_ACTIONS") else ""
        reason = str(refused).replace("%", "%25").replace("\n", "%0A") if notice else str(refused)
        sys.stderr.write(f"{notice}no comment was written ({reason}): see the summary or the log of this job\n")
        return "refused"


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1]) + "\n")
