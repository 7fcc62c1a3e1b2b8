"""Write `docs/reference/rules.md` from the table of rules.

python tools/write_rules.py            write the page
python tools/write_rules.py --check    exit 1 where it is not what the table says
"""

from __future__ import annotations

import sys
from pathlib import Path

from sagespec.diagnostics.rules import AREAS
from sagespec.review import reference

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "rules.md"
HEAD = """# Rules

What each id in brackets means, and how to mend what it reports: `error[unknown-key]`, `warning[no-effect]`. An error
keeps a spec from being compiled, a warning does not. SARIF has the same texts.

<!-- written by tools/write_rules.py from diagnostics/rules -->
"""


def text() -> str:
    """Write the page: an index of the ids by area, then each rule with its examples."""
    return "\n".join([HEAD, *reference.rules(AREAS)])


def main(check: bool) -> int:
    if check:
        return int(not PAGE.exists() or PAGE.read_text("utf-8") != text())
    PAGE.write_text(text(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv))
