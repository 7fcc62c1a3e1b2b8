"""Write `docs/reference/sdk.md` from the inventories of the SDK's names, `sagespec/data/sdk`, and the schemas.

python -m tools.write_sdk_table            write the page
python -m tools.write_sdk_table --check    exit 1 where it is not what the inventories say

`sagespec/review/sdk_names.py` says what an inventory has.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from sagespec import assets
from sagespec.review.sdk_names import Inventory, Owner, Row, inventories

from tools import generated

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "sdk.md"
GROUPS = {
    "Training your own code": ("ModelTrainer", "Torchrun", "MPI"),
    "What the other trainers share": ("Trainers",),
    "Agents": ("MultiTurnRLTrainer", "CustomAgentLambda"),
    "Fine-tuning": ("FineTuning", "SFTTrainer", "DPOTrainer", "RLVRTrainer", "RLAIFTrainer"),
    "Evaluation": (
        "Evaluators",
        "BenchMarkEvaluator",
        "CustomScorerEvaluator",
        "LLMAsJudgeEvaluator",
        "MultiTurnRLEvaluator",
    ),
    "The rest of sagemaker.train": ("Modules",),
}
"""The sections of the page, each with its inventories in order."""
HEAD = """# The SDK's names

Every public name that `sagemaker.train` 1.27.0 of the SageMaker Python SDK has for the kinds of sagespec: classes,
parameters, methods, properties, functions. To migrate, look up what your program calls. `wait(poll)` is the parameter
`poll` of the method `wait()`.

| word | means | *here* is |
|---|---|---|
| has | a field does what the SDK's does | the path of the field below `spec`; `[]` is each entry of a list |
| differs | a field does it in another way, which the last column names | the path of the field |
| command | a command does it | the command |
| kind | it is a kind of specs | the kind |
| project | it is in the project file | its key |
| not | there is nothing of it; the last column says why | |

`make parity` compares this page with the SDK that is installed: no name is missing, none is invented.

<!-- written by tools/write_sdk_table.py from compiler/sagespec/data/sdk and schemas/v1 -->
"""


def fields(kind: str) -> dict[str, str]:
    """Return the description of every field of a kind by its path, as the inventories write paths; '' for none."""
    described: dict[str, str] = {}
    for path, text in _fields(f"{kind}.json", _schema(f"{kind}.json")["properties"]["spec"], ""):
        described[path] = described.get(path) or text
    return described


@cache
def _schema(file: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((assets.schemas() / file).read_text("utf-8"))
    return loaded


def _fields(file: str, schema: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """Walk through the fields below a path; a schema may be in another file than its parent."""
    if "$ref" in schema:
        name = schema["$ref"].partition("#")[0]
        yield from _fields(name or file, _target(file, schema["$ref"]), path)
    for branch in ("allOf", "anyOf", "oneOf"):
        for one in schema.get(branch, ()):
            yield from _fields(file, one, path)
    if isinstance(schema.get("items"), dict):
        yield from _fields(file, schema["items"], f"{path}[]")
    for name, below in schema.get("properties", {}).items():
        field = f"{path}.{name}" if path else name
        yield field, _description(file, below)
        yield from _fields(file, below, field)


def _target(file: str, reference: str) -> Any:
    name, _, pointer = reference.partition("#")
    target: Any = _schema(name or file)
    for step in filter(None, pointer.split("/")):
        target = target[step]
    return target


def _description(file: str, schema: dict[str, Any]) -> str:
    """Return the description of a schema, or of what it refers to."""
    if "description" in schema or "$ref" not in schema:
        return str(schema.get("description", ""))
    return _description(schema["$ref"].partition("#")[0] or file, _target(file, schema["$ref"]))


def text() -> str:
    """Write the page: a section for each group and inventory, a table for each class or module."""
    return "\n".join([HEAD, *_contents(), *(line for group in GROUPS for line in _group(group))])


def _contents() -> Iterator[str]:
    for group in GROUPS:
        yield f"- [{group}](#{group.lower().replace(' ', '-').replace('.', '')})"
    yield ""


def _group(group: str) -> Iterator[str]:
    named = {inventory.name: inventory for inventory in inventories()}
    yield f"## {group}\n"
    for name in GROUPS[group]:
        yield from _inventory(named[name], alone=len(GROUPS[group]) == 1)


def _inventory(inventory: Inventory, alone: bool) -> Iterator[str]:
    described = {path: text for kind in inventory.kinds for path, text in fields(kind).items()}
    if not alone:
        yield f"### {inventory.title}\n"
    for owner in inventory.owners:
        if owner.rows:
            yield from _table(owner, described)
    if inventory.ours:
        yield "#### Fields without a name in the SDK\n"
        yield "| here | |"
        yield "|---|---|"
        for field, why in inventory.ours.items():
            yield f"| `{field}` | {_sentence(why)} |"
        yield ""


def _table(owner: Owner, described: dict[str, str]) -> Iterator[str]:
    yield f"#### {owner.name}\n"
    if owner.note:
        yield f"{owner.note}\n"
    yield "| SDK | | here | |"
    yield "|---|---|---|---|"
    for row in owner.rows:
        said = _sentence(row.why) if row.why else described.get(row.target, "")
        yield f"| {_names(row)} | {row.word} | {_here(row)} | {said.replace('|', chr(92) + '|')} |"
    yield ""


def _names(row: Row) -> str:
    """Show the key of a row: each function with its parameters as one piece of code."""
    return "`" + row.written.replace("), ", ")`, `").replace("(, ", "(") + "`"


def _here(row: Row) -> str:
    if not row.target:
        return ""
    return f"`sagespec {row.target}`" if row.word == "command" else f"`{row.target}`"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


if __name__ == "__main__":
    sys.exit(generated.write({PAGE: text()}))
