"""Write the pages of the reference: `docs/reference/kinds/KIND.md` for each kind, and `docs/reference/project.md`.

python -m tools.write_reference            write the pages
python -m tools.write_reference --check    exit 1 where they are not what `sagespec explain -o markdown` says
"""

from __future__ import annotations

import sys
from pathlib import Path

from sagespec.checking import schema
from sagespec.review import explain, reference

from tools import generated

FOLDER = Path(__file__).parent.parent / "docs" / "reference"


def pages() -> dict[Path, str]:
    """Return the pages by file."""
    files = {FOLDER / "kinds" / f"{kind}.md": kind for kind in schema.kinds()}
    files[FOLDER / "project.md"] = explain.PROJECT
    return {file: "\n".join(reference.page(document, _rules(file))) + "\n" for file, document in files.items()}


def _rules(page: Path) -> str:
    """Return the address of the page of rules, relative to a page."""
    return "../" * (len(page.relative_to(FOLDER).parts) - 1) + "rules.md"


if __name__ == "__main__":
    sys.exit(generated.write(pages(), there={*FOLDER.glob("kinds/*.md")}))
