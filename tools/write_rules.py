"""Write `docs/rules.md` from the table of rules.

python tools/write_rules.py            write the page
python tools/write_rules.py --check    exit 1 where it is not what the table says
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from sagespec.diagnostics.rules import AREAS
from sagespec.diagnostics.rules.rule import Rule

PAGE = Path(__file__).parent.parent / "docs" / "rules.md"
HEAD = """# Rules

What each id in brackets means, and how to mend what it reports: `error[unknown-key]`, `warning[no-effect]`. An error
keeps a spec from being compiled, a warning does not. SARIF has the same texts.

<!-- written by tools/write_rules.py from diagnostics/rules -->
"""


def text() -> str:
    """Write the page: an index of the ids by area, then each rule with its examples."""
    return "\n".join([HEAD, *_index(), *(line for area in AREAS for line in _area(area))])


def _index() -> Iterator[str]:
    for area, rules in AREAS.items():
        line = f"- {area}: {', '.join(f'[{rule.id}](#{rule.id})' for rule in rules)}"
        yield from textwrap.wrap(line, 120, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    yield ""


def _area(name: str) -> Iterator[str]:
    yield f"## {name}\n"
    for rule in AREAS[name]:
        yield from _rule(rule)


def _rule(rule: Rule) -> Iterator[str]:
    yield f"### {rule.id}\n"
    yield f"*{rule.title}* ({rule.severity})\n"
    yield from _wrapped(rule.meaning)
    yield from _wrapped(rule.mend)
    yield f"Bad ({_part(rule.where)}):\n"
    yield f"```yaml\n{rule.bad}\n```\n"
    yield "Good:\n"
    yield f"```yaml\n{rule.good}\n```\n"


def _wrapped(text: str) -> Iterator[str]:
    yield from textwrap.wrap(text, 120, break_long_words=False, break_on_hyphens=False)
    yield ""


def _part(where: str) -> str:
    return {"spec": "a spec file"}.get(where, where)


def main(check: bool) -> int:
    if check:
        return int(not PAGE.exists() or PAGE.read_text("utf-8") != text())
    PAGE.write_text(text(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv))
