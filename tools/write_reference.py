"""Write the pages of the reference: `docs/reference/kinds/KIND.md` for each kind, and `docs/reference/project.md`.

python tools/write_reference.py            write the pages
python tools/write_reference.py --check    exit 1 where they are not what `sagespec explain -o markdown` says
"""

from __future__ import annotations

import sys
from pathlib import Path

from sagespec.checking import schema
from sagespec.review import explain, reference

FOLDER = Path(__file__).parent.parent / "docs" / "reference"


def pages() -> dict[Path, str]:
    """Return the pages by file."""
    files = {FOLDER / "kinds" / f"{kind}.md": kind for kind in schema.kinds()}
    files[FOLDER / "project.md"] = explain.PROJECT
    return {file: "\n".join(reference.page(document, _rules(file))) + "\n" for file, document in files.items()}


def _rules(page: Path) -> str:
    """Return the address of the page of rules, relative to a page."""
    return "../" * (len(page.relative_to(FOLDER).parts) - 1) + "rules.md"


def main(check: bool) -> int:
    written = pages()
    if check:
        there = set(FOLDER.glob("kinds/*.md")) | {FOLDER / "project.md"}
        same = all(file.is_file() and file.read_text("utf-8") == text for file, text in written.items())
        return int(not same or there != set(written))
    for file, text in written.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv))
