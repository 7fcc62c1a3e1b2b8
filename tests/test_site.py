"""The documents as a site: it builds without a warning, and its pages need nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.conftest import ROOT

MERMAID = ROOT / "docs" / "vendor" / "mermaid.js"


class Loads(HTMLParser):
    """Collects what a browser loads for a page without being asked: everything but the targets of `<a>`."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "a" or (tag == "link" and values.get("rel") in ("canonical", "prev", "next")):
            return
        self.addresses += [values[key] or "" for key in ("src", "href", "srcset", "data", "action") if key in values]


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
        assert not outside, f"{page.relative_to(site)}: {outside}"


@pytest.mark.slow
def test_styles_load_nothing_from_elsewhere(site: Path) -> None:
    styles = list(site.rglob("*.css"))
    assert styles
    for style in styles:
        assert not re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", style.read_text("utf-8")), style.name


@pytest.mark.slow
def test_diagrams_are_drawn_by_the_copy_in_the_site(site: Path) -> None:
    """The theme asks another server for Mermaid unless a script of the page has defined it before."""
    text = (site / "architecture.html").read_text("utf-8")
    assert 'class="mermaid"' in text
    scripts = re.findall(r'<script src="([^"]+)"', text)
    assert any(script.endswith("vendor/mermaid.js") for script in scripts)
    assert (site / "vendor" / "mermaid.js").read_bytes() == MERMAID.read_bytes()
