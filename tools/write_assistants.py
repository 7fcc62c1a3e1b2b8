"""Write what assistants read: `llms.txt` (llmstxt.org) and `skills/sagespec/SKILL.md`.

python -m tools.write_assistants            write both
python -m tools.write_assistants --check    exit 1 where one is not as it would be written

`llms.txt` lists the pages of docs/ with the first sentence of each, in a section for each folder. The skill is
`tools/skill.md` with the kinds and their descriptions from the schemas. Neither is in the wheel: assistants look for
them in a repository.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sagespec import assets
from sagespec.cli.program import COMMANDS

from tools import generated

ROOT = Path(__file__).parent.parent
OPTIONAL = ("docs/architecture.md", "CHANGELOG.md", "CONTRIBUTING.md")
"""What those need who work on sagespec itself: the section `Optional` of the convention."""

SKILL = Path(__file__).parent / "skill.md"


def texts() -> dict[Path, str]:
    """Return the two files with what they say."""
    return {ROOT / "llms.txt": llms(), ROOT / "skills" / "sagespec" / "SKILL.md": skill()}


def skill() -> str:
    """Write the skill: its text with the kinds, and with the command that shows their fields."""
    kinds = "\n".join(f"- {name}: {text}" for name, text in _kinds())
    reference = "`sagespec explain`, `sagespec schema`" if "explain" in COMMANDS else "`sagespec schema`"
    return SKILL.read_text("utf-8").replace("<!-- kinds -->", kinds).replace("<!-- reference -->", reference)


def _kinds() -> Iterator[tuple[str, str]]:
    for file in sorted(assets.schemas().glob("*.json")):
        schema: dict[str, Any] = assets.document(file)
        if "metadata" in schema.get("properties", {}) and file.stem not in ("Compiled", "Project"):
            yield file.stem, str(schema["description"])


def llms() -> str:
    """Write the list of pages, as the convention has it: title, summary, lists of links."""
    title, summary, more = _head(ROOT / "README.md")
    lines = [f"# {title}", "", f"> {summary}", "", *([more, ""] if more else [])]
    for section, pages in _sections().items():
        lines += [f"## {section}", "", *(_link(page) for page in pages), ""]
    return "\n".join(lines)


def _sections() -> dict[str, list[str]]:
    found = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
    sections: dict[str, list[str]] = {"Docs": ["README.md"]}  # it says in one page what this is
    for page in found:
        if page not in OPTIONAL:
            folder = Path(page).parent.name
            name = "Docs" if folder == "docs" else folder.replace("-", " ").capitalize()
            sections.setdefault(name, []).append(page)
    sections["For assistants"] = ["skills/sagespec/SKILL.md"]
    return {**sections, "Optional": [page for page in OPTIONAL if (ROOT / page).exists()]}


def _link(page: str) -> str:
    if page.endswith("SKILL.md"):
        return f"- [Skill]({page}): How an assistant proposes a spec that a person reviews."
    title, summary, _ = _head(ROOT / page)
    return f"- [{title}]({page}): {summary}" if summary else f"- [{title}]({page})"


def _head(page: Path) -> tuple[str, str, str]:
    """Return the title of a page, and first sentence and rest of its first paragraph of prose; '' for none."""
    text = re.sub(r"\A---\n.*?\n---\n", "", page.read_text("utf-8"), flags=re.DOTALL)
    blocks = [block.strip() for block in re.sub(r"```.*?```", "", text, flags=re.DOTALL).split("\n\n")]
    title = next((block[2:].splitlines()[0] for block in blocks if block.startswith("# ")), page.stem)
    prose = next((" ".join(block.split()) for block in blocks if re.match(r"[\w`*\[]", block)), "")
    first, *rest = re.split(r"(?<=[.!?]) (?=[A-Z`])", re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", prose))
    return title, first.rstrip(":"), " ".join(rest)


if __name__ == "__main__":
    sys.exit(generated.write(texts()))
