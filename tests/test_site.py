"""The documents as a site: it builds without a warning, and its pages need nothing from elsewhere.

What pages, styles and scripts name is read; where there is a browser, what it requests is watched as well.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.loopback import accepting

MERMAID = ROOT / "docs" / "vendor" / "mermaid.js"


class Loads(HTMLParser):
    """Collects what a browser loads for a page without being asked: everything but the targets of `<a>`.

    Its inline styles and scripts are collected as text.
    """

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline: list[str] = []
        self.components: set[str] = set()
        self._within = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self._within = tag
        self.inline.append(values.get("style") or "")
        self.components.add(values.get("data-md-component") or "")
        if tag == "a" or (tag == "link" and values.get("rel") in ("canonical", "prev", "next")):
            return
        self.addresses += [values[key] or "" for key in ("src", "href", "srcset", "data", "action") if key in values]

    def handle_endtag(self, tag: str) -> None:
        self._within = "" if tag == self._within else self._within

    def handle_data(self, data: str) -> None:
        if self._within in ("style", "script"):
            self.inline.append(data)


STYLE = re.compile(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//")
LITERAL = re.compile(r"[\"'`]((?:https?:)?//[^\"'`]+)")
"""An absolute address at the start of a text in a script."""
NOT_ASKED = {
    "https://unpkg.com/mermaid@": "the pages define Mermaid before, see below",
    "https://unpkg.com/resize-observer-polyfill": "for browsers older than 2020",
    "https://api.github.com/": "for the link to a repository, which no page has",
    "https://${": "the same, for GitLab",
}
"""What the scripts of the theme ask others for, and why not here."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; `--strict` ends with 1 for dead links and anchors, and for pages that `nav` does not have."""
    assert MERMAID.is_file(), "make docs/vendor/mermaid.js"
    folder = tmp_path_factory.mktemp("site")
    run = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    result = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ})
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


@pytest.mark.slow
def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(list((ROOT / "docs").rglob("*.md")))  # and the page for what is not found
    for page in pages:
        loads = Loads()
        loads.feed(page.read_text("utf-8"))
        assert len(loads.addresses) > 3
        outside = [a for a in loads.addresses if re.match(r"(?:[a-z]+:)?//", a, re.IGNORECASE)]
        outside += [found for text in loads.inline for found in STYLE.findall(text) + LITERAL.findall(text)]
        assert not outside, f"{page.relative_to(site)}: {outside}"
        assert "source" not in loads.components  # the link to a repository


@pytest.mark.slow
def test_styles_load_nothing_from_elsewhere(site: Path) -> None:
    styles = list(site.rglob("*.css"))
    assert styles
    for style in styles:
        assert not STYLE.findall(style.read_text("utf-8")), style.name


@pytest.mark.slow
def test_scripts_of_the_theme_ask_nobody(site: Path) -> None:
    scripts = [*site.glob("assets/javascripts/*.js"), *site.glob("assets/javascripts/workers/*.js")]
    assert len(scripts) > 1
    named = {address for script in scripts for address in LITERAL.findall(script.read_text("utf-8"))}
    assert [a for a in sorted(named) if not a.startswith(tuple(NOT_ASKED))] == []


@pytest.mark.slow
def test_diagrams_are_drawn_by_the_copy_in_the_site(site: Path) -> None:
    """The theme asks another server for Mermaid unless a script of the page has defined it before."""
    text = (site / "architecture.html").read_text("utf-8")
    assert 'class="mermaid"' in text
    scripts = re.findall(r'<script src="([^"]+)"', text)
    assert any(script.endswith("vendor/mermaid.js") for script in scripts)
    assert (site / "vendor" / "mermaid.js").read_bytes() == MERMAID.read_bytes()


WATCHED = ("index.html", "concepts/graph.html?q=lock", "reference/commands.html")
"""Pages to watch: the first, one with diagrams that is opened by a search, a long one."""


@pytest.fixture
def served(site: Path) -> Iterator[str]:
    """The address of the site, with a page besides that asks somebody else."""
    asks = site / "asks.html"
    asks.write_text('<!DOCTYPE html><img src="https://elsewhere.invalid/a.png">', "utf-8")
    handler = partial(SimpleHTTPRequestHandler, directory=str(site))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, accepting(server) as url:
        yield url
    asks.unlink()


def watch(address: str, folder: Path) -> tuple[str, set[str]]:
    """Open a page in a browser that reaches this machine only; return what it shows, and what the page asked for."""
    log = folder / "requests.json"
    run = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    run += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", f"--log-net-log={log}"]
    run += ["--virtual-time-budget=5000", "--dump-dom", address]
    shown = subprocess.run(run, capture_output=True, text=True, check=True, timeout=120).stdout
    asked = [event.get("params", {}) for event in json.loads(log.read_text("utf-8"))["events"]]
    return shown, {one["url"] for one in asked if one.get("initiator", "").startswith("http://127.0.0.1")}


@pytest.mark.browser
@pytest.mark.slow
def test_a_browser_asks_nobody_else(served: str, tmp_path: Path) -> None:
    shown, asked = "", set[str]()
    for number, page in enumerate(WATCHED):
        more, requests = watch(f"{served}/{page}", tmp_path / str(number))
        shown, asked = shown + more, asked | requests
    assert '<div class="mermaid">' in shown  # drawn: until then it is a `pre`
    assert f"{served}/vendor/mermaid.js" in asked
    assert f"{served}/search/search_index.json" in asked
    assert [one for one in sorted(asked) if not one.startswith(f"{served}/")] == []
    _, asked = watch(f"{served}/asks.html", tmp_path / "asks")
    assert "https://elsewhere.invalid/a.png" in asked
