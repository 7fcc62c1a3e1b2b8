"""Write `docs/reference/permissions.md` from the table of permissions, `sagespec/data/permissions.json`.

python -m tools.write_permissions            write the page
python -m tools.write_permissions --check    exit 1 where it is not what the table says

`sagespec/sagemaker/permissions.py` says what the table has, and fills it in for a compiled file. Here its slots
become words: `{**S3Uri|bucket}` is `<bucket of S3Uri>`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sagespec.sagemaker import permissions

from tools import generated

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "permissions.md"
SLOT = re.compile(r"\{(?:\*\*)?(?P<name>[\w.]+)(?:~(?P<text>[^|}]+))?(?:\|(?P<part>\w+))?\}")
PARTS = {
    "bucket": "<bucket of {}>",
    "hub": "<hub of {}>",
    "interfaces": "<network interfaces>",
    "key": "<key of {}>",
    "kms": "<KMS key of {}>",
    "location": "<bucket and key of {}>",
    "packages": "<packages of {}>",
    "repository": "<repository of {}>",
    "unversioned": "<{} of any version>",
    "any": "*",
    "none": "",
}
"""Parts of a value in words; the last two stand for a value that has only to be there."""
UNNAMED = ("any", "interfaces", "none")
OPERATORS = {"StringEquals": "is", "StringLike": "is like", "Bool": "is"}
HEAD = """# Permissions by operation

Look up which IAM actions an operation of AWS needs, on which resource and under which conditions, and which
operations each command sends. `sagespec iam-policy` fills these in for your compiled files:
[Permissions](../operate/permissions.md) says how, and who needs what.

- A word in `< >` is a parameter of the call, wherever in the request it stands; `<region>` and `<account>` are
  those of the file. For a section of the lock, `<Name>` is the name of the fact, and other words are its members.
  Names that end in the identity, and uploads, end in `*` in the policies.
- Where a request does not have the parameter, the action is not needed.
- `ReadMlflow` stands for what MLflow's client asks of an app or tracking server; all others are operations of AWS.
- A test compares this table with IAM's own reference, and replays what the commands really send against the
  policies made from it, so that nothing is missing and nothing is there without a reason.

<!-- written by tools/write_permissions.py from compiler/sagespec/data/permissions.json -->
"""


def text() -> str:
    """Write the page: what commands send, then what each operation needs, then what roles are used for."""
    return "\n".join([HEAD, *_commands(), *_operations(), *_roles(), *_trust()]).rstrip() + "\n"


def _commands() -> Iterator[str]:
    table = permissions.table()
    yield from ("## What the commands send", "", "In any case:", "")
    yield from ("| command | operations |", "|---|---|")
    for command, sent in table["always"].items():
        yield f"| `{command}` | {_sent(sent)} |"
    yield f"| `iam-policy --check-role` | {_sent(table['check-role'])} |"
    yield from ("", "For each request of a compiled file:", "")
    yield from ("| request | `plan` | `apply`, besides | to track |", "|---|---|---|---|")
    for request, by_command in sorted(table["requests"].items()):
        more = [operation for operation in by_command["apply"] if operation not in by_command["plan"]]
        row = (by_command["plan"], more, by_command["track"])
        yield f"| `{request}` | {' | '.join(map(_sent, row))} |"
    yield from ("", "For each thing that a file needs, `plan` and `apply`:", "")
    yield from ("| need | operations |", "|---|---|")
    for need, by_command in sorted(table["needs"].items()):
        assert by_command["plan"] == by_command["apply"], f"{need}: the page has one column for both"
        yield f"| {need} | {_sent(by_command['plan'])} |"
    yield from ("", "For each section of the lock, `lock`:", "")
    yield from ("| section | operations |", "|---|---|")
    for section, sent in sorted(table["facts"].items()):
        yield f"| `{section}` | {_sent(sent)} |"
    yield ""


def _operations() -> Iterator[str]:
    yield from ("## What an operation needs", "")
    yield from ("| operation | actions | on | if |", "|---|---|---|---|")
    for operation, actions in sorted(permissions.table()["operations"].items()):
        if not actions:
            yield f"| `{operation}` | none | | |"
        for row in _grouped(actions):
            yield f"| `{operation}` | {row} |"
    yield ""


def _roles() -> Iterator[str]:
    """Write what is done with the roles that requests pass: those of jobs and pipelines, then those of agents."""
    table = permissions.table()
    yield from ("## What the role of a run needs", "")
    yield from ("A step of a pipeline is started with the role of the pipeline, and runs with its own:", "")
    yield from ("| step | operations |", "|---|---|")
    for name, step in sorted(table["steps"].items()):
        yield f"| `{name}` | {_sent(step['sends']) or 'none'} |"
    for run, actions in sorted(table["execution"].items()):
        yield from ("", f"### {'Steps of lineage' if run == 'Lineage' else f'What {run} starts'}", "")
        yield from ("| actions | on | if |", "|---|---|---|")
        yield from (f"| {row} |" for row in _grouped(actions))
    yield from ("", "## What the role of an agent needs", "")
    yield from (
        "`CreateJob`: of the agent that the job calls. `CreateFunction`: of a function that a spec creates.",
        "",
    )
    yield from ("| request | actions | on | if |", "|---|---|---|---|")
    for request, actions in sorted(table["agent"].items()):
        yield from (f"| `{request}` | {row} |" for row in _grouped(actions))
    yield ""


def _trust() -> Iterator[str]:
    yield from ("## Who assumes a role", "", "| service | actions |", "|---|---|")
    for service, actions in permissions.table()["trust"].items():
        yield f"| `{service}` | {', '.join(f'`{action}`' for action in actions)} |"


def _sent(operations: Sequence[Any]) -> str:
    """Name operations, with the parameters that are chosen for them."""
    return ", ".join(_operation(*([one] if isinstance(one, str) else one)) for one in operations)


def _operation(name: str, given: Mapping[str, str] | None = None) -> str:
    if not given:
        return f"`{name}`"
    values = ", ".join(f"`{parameter}` = `{_words(template) or '*'}`" for parameter, template in given.items())
    where = sorted({one for template in given.values() for one in _unnamed(template)})
    return f"`{name}` ({'; '.join([values, *where])})"


def _grouped(actions: Mapping[str, Any]) -> Iterator[str]:
    """Yield rows of actions, resource and conditions: one for each form of a resource."""
    by_form: dict[str, list[str]] = {}
    for action, forms in actions.items():
        for form in [forms] if isinstance(forms, str) else forms:
            by_form.setdefault(form, []).append(action)
    for form, named in by_form.items():
        written = permissions.entry("forms", form)
        where = "".join(f", {one}" for one in _unnamed(written["resource"]))
        conditions = ", ".join(
            f"`{key}` {OPERATORS[operator]} `{_words(value)}`"
            for operator, keys in written.get("conditions", {}).items()
            for key, value in keys.items()
        )
        yield f"{', '.join(f'`{one}`' for one in named)} | `{_words(written['resource'])}`{where} | {conditions}"


def _words(template: str) -> str:
    def word(slot: re.Match[str]) -> str:
        name = f"{slot['name']} with {slot['text']}" if slot["text"] else slot["name"]
        return PARTS[slot["part"]].format(name) if slot["part"] else f"<{name}>"

    return SLOT.sub(word, template)


def _unnamed(template: str) -> Iterator[str]:
    """Name the parameters that have to be there, though their values do not show."""
    for slot in SLOT.finditer(template):
        if slot["part"] in UNNAMED:
            yield f"where there is `{slot['name']}`"


if __name__ == "__main__":
    sys.exit(generated.write({PAGE: text()}))
