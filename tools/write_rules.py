"""Write `docs/reference/rules.md` from the table of rules.

python -m tools.write_rules            write the page
python -m tools.write_rules --check    exit 1 where it is not what the table says
"""

from __future__ import annotations

import sys
from pathlib import Path

from sagespec.diagnostics.rules import AREAS
from sagespec.review import reference

from tools import generated

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "rules.md"
HEAD = """# Rules

What each id in brackets means, and how to mend what it reports: `error[unknown-key]`, `warning[no-effect]`. An error
keeps a spec from being compiled, a warning does not. SARIF has the same texts.

<!-- written by tools/write_rules.py from diagnostics/rules -->
"""


def text() -> str:
    """Write the page: an index of the ids by area, then each rule with its examples."""
    return "\n".join([HEAD, *reference.rules(AREAS)])


if __name__ == "__main__":
    sys.exit(generated.write({PAGE: text()}))
