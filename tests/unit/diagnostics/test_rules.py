"""The table of rules, held together with the code both ways; its examples, compiled; and who reads it.

The code is read as it is written: every argument for a parameter called `rule` is an id, or hands one on.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest
import sagespec
from sagespec.checking import schema
from sagespec.diagnostics import Diagnostic, report
from sagespec.diagnostics.rules import AREAS, RULES
from sagespec.diagnostics.rules.rule import Rule

from tests.conftest import ROOT
from tools import write_rules

PACKAGE = Path(sagespec.__file__).parent
FILES = [f for f in sorted(PACKAGE.rglob("*.py")) if not {"rules", "drivers"} & {*f.relative_to(PACKAGE).parts}]

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Use:
    """Where an id is used, and as which severities."""

    place: str
    severities: frozenset[str]


@dataclass
class Uses:
    """What the code says of rule ids: `unclear` are arguments of which nobody can say what id they are."""

    ids: dict[str, list[Use]] = field(default_factory=lambda: defaultdict(list))
    compared: dict[str, str] = field(default_factory=dict)
    unclear: list[str] = field(default_factory=list)
    severities_changed: list[str] = field(default_factory=list)


def takers(tree: ast.Module) -> dict[str, int]:
    """The functions and classes of a module that are given a rule id, and as their which argument."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, Function):
            if "rule" in (names := _ids_of(node.args.args)) and node.name != "__init__":
                found[node.name] = names.index("rule")
        elif isinstance(node, ast.ClassDef):
            fields = [
                n.target.id for n in node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
            ]
            made = next((n for n in node.body if isinstance(n, Function) and n.name == "__init__"), None)
            names = _ids_of(made.args.args) if made else fields
            if "rule" in names:
                found[node.name] = names.index("rule")
    return found


def _ids_of(arguments: Iterable[ast.arg]) -> list[str]:
    """The names of arguments; `rule` only where it is an id, not what the table says of one."""
    named = [argument for argument in arguments if argument.arg not in ("self", "cls")]
    return [a.arg if a.arg != "rule" or getattr(a.annotation, "id", "") == "str" else "" for a in named]


def imported(tree: ast.Module) -> set[str]:
    """The modules that a module names: `output.error(...)` is no problem."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {alias.asname or alias.name.split(".")[0] for node in nodes for alias in node.names}


@cache
def used() -> Uses:
    """Read the ids that the code reports, and those that it compares with."""
    trees = {f.relative_to(PACKAGE).as_posix(): ast.parse(f.read_text("utf-8")) for f in FILES}
    everywhere = {name: at for tree in trees.values() for name, at in takers(tree).items()}
    for shared in ("reading/document.py", "diagnostics/__init__.py"):  # others of the same name are used at home
        everywhere |= takers(trees[shared])
    uses = Uses()
    for name, tree in trees.items():
        _Reader(name, tree, everywhere | takers(tree), uses).read()
    return uses


class _Reader:
    """One module being read for the ids in it."""

    def __init__(self, name: str, tree: ast.Module, known: dict[str, int], uses: Uses) -> None:
        self.name, self.tree, self.known, self.uses = name, tree, known, uses
        self.modules = imported(tree)
        assigned = [n for n in tree.body if isinstance(n, ast.Assign) and len(n.targets) == 1]
        self.constants = {n.targets[0].id: n.value for n in assigned if isinstance(n.targets[0], ast.Name)}

    def read(self) -> None:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                self._call(node)
            elif isinstance(node, ast.Compare):
                self._compare(node)
            elif isinstance(node, Function):
                self._defaults(node)
            elif isinstance(node, ast.AnnAssign) and node.value and ast.unparse(node).startswith("rule: str "):
                self._ids(node.value, node, frozenset({"error"}))

    def _call(self, call: ast.Call) -> None:
        owner = getattr(call.func, "value", None)
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        if name == "replace" and "severity" in given and "rule" not in given:
            self.uses.severities_changed.append(f"{self.name}: {ast.unparse(given['severity'])}")
        is_taker = name in self.known and not (isinstance(owner, ast.Name) and owner.id in self.modules)
        at = self.known.get(name, 0)
        if "rule" in given:
            self._ids(given["rule"], call, self._severities(name, call, given))
        elif is_taker and len(call.args) > at:
            several = any(isinstance(argument, ast.Starred) for argument in call.args[: at + 1])
            self._ids(call if several else call.args[at], call, self._severities(name, call, given))

    @staticmethod
    def _severities(name: str, call: ast.Call, given: dict[str | None, ast.expr]) -> frozenset[str]:
        """An error unless something else is said; either where it is computed."""
        said = given.get("severity") or (call.args[4] if name == "Problem" and len(call.args) > 4 else None)
        if name == "warn":
            return frozenset({"warning"})
        if said is None:
            return frozenset({"error"})
        return frozenset({str(said.value)}) if isinstance(said, ast.Constant) else frozenset({"error", "warning"})

    def _compare(self, node: ast.Compare) -> None:
        sides = [node.left, *node.comparators]
        if any(isinstance(side, ast.Attribute) and side.attr == "rule" for side in sides):
            for side in sides:
                value = self.constants.get(side.id, side) if isinstance(side, ast.Name) else side
                for one in value.elts if isinstance(value, ast.Tuple) else [value]:
                    if isinstance(one, ast.Constant):
                        self.uses.compared[str(one.value)] = self._place(node)

    def _defaults(self, node: Function) -> None:
        arguments = node.args.args
        for argument, value in zip(reversed(arguments), reversed(node.args.defaults), strict=False):
            if argument.arg == "rule":
                self._ids(value, node, frozenset({"error"}))

    def _ids(self, value: ast.expr, node: ast.AST, severities: frozenset[str]) -> None:
        if isinstance(value, ast.Name) and value.id in self.constants:
            value = self.constants[value.id]
        if isinstance(value, ast.IfExp):
            self._ids(value.body, node, severities)
            self._ids(value.orelse, node, severities)
        elif isinstance(value, ast.Constant) and isinstance(value.value, str):
            self.uses.ids[value.value].append(Use(self._place(node), severities))
        elif not self._hands_on(value, node):
            self.uses.unclear.append(f"{self._place(node)}: {ast.unparse(value)}")

    def _hands_on(self, value: ast.expr, node: ast.AST) -> bool:
        """Whether a rule is that of another problem, or the one that the function around was given."""
        if isinstance(value, ast.Attribute):
            return value.attr == "rule"
        around = [f for f in ast.walk(self.tree) if isinstance(f, Function) and any(n is node for n in ast.walk(f))]
        return isinstance(value, ast.Name) and any(value.id == a.arg == "rule" for f in around for a in f.args.args)

    def _place(self, node: ast.AST) -> str:
        return f"{self.name}:{getattr(node, 'lineno', 0)}"


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "compiler")}


def test_the_code_is_read() -> None:
    """What the test below relies on: it sees every way in which an id gets into a diagnostic."""
    assert [place.partition(":")[0] for place in used().unclear] == ["diagnostics/__init__.py"], (
        used().unclear
    )  # `locate`
    assert len(used().ids) > 100
    for rule in (
        "syntax",
        "bad-file",
        "unknown-value",
        "bad-scalar",
        "out-of-date",
        "job-schema",
        "aws",
        "wrong-type",
    ):
        assert rule in used().ids, rule


def test_every_id_is_in_the_table_and_every_entry_is_used() -> None:
    missing = {id: [use.place for use in uses] for id, uses in used().ids.items() if id not in RULES}
    assert not missing, "give them an entry in diagnostics/rules"
    assert not [id for id in RULES if id not in used().ids], "nothing reports these"
    assert not {id: place for id, place in used().compared.items() if id not in RULES}
    assert len(RULES) == sum(len(area) for area in AREAS.values()), "an id has two entries"


CHANGED = {
    "compiling/causes.py: 'error'": (
        "no-lock",
        "error",
    ),  # when facts are missing, that there is no lock is their cause
    "executor/lock/locking.py: 'warning'": ("judge-unusable", "warning"),  # a lock may hold a judge that is retired
    "project/lock.py: 'warning'": ("bad-schema", "warning"),  # documents go without the check
}
"""Where a severity is changed later, for which rule."""


def test_severities_are_those_of_the_code() -> None:
    assert sorted(used().severities_changed) == sorted(CHANGED)
    found = {id: {severity for use in uses for severity in use.severities} for id, uses in used().ids.items()}
    for id, severity in CHANGED.values():
        found[id].add(severity)
    found["refused-fact"].add("warning")  # by the same line of locking.py
    assert {id: " or ".join(sorted(severities)) for id, severities in found.items()} == {
        id: rule.severity for id, rule in RULES.items()
    }


WHERE = {*schema.kinds(), "spec", "sagespec.yaml", "a file in a folder of code", "a policy", "a compiled file"}
WHERE |= {"the command line", "a spec file", "a request", "a pipeline definition", "the module of a kind"}


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_an_entry_is_short_and_whole(rule: Rule) -> None:
    """Titles are noun phrases, meanings and ways out sentences; GitHub shows 1,024 characters of a description."""
    assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", rule.id)
    assert re.fullmatch(r"[A-Z@p].{5,48}[^.!?]", rule.title), rule.title
    for text in (rule.meaning, rule.mend):
        assert re.fullmatch(r"[A-Z$`p].*\.", text), text
        assert len(text) <= 400
    assert rule.where in WHERE
    assert rule.bad != rule.good
    assert all(len(line) <= 110 for example in (rule.bad, rule.good) for line in example.splitlines())


def test_sarif_describes_the_rules_that_it_reports() -> None:
    found = [Diagnostic("a.yaml", 1, 1, 1, 2, rule.id, "warning", "wrong") for rule in RULES.values()]
    (run,) = json.loads(report.sarif(found, {}))["runs"]
    described = run["tool"]["driver"]["rules"]
    assert [descriptor["id"] for descriptor in described] == sorted(RULES)
    for descriptor in described:
        rule = RULES[descriptor["id"]]
        assert descriptor["shortDescription"] == {"text": rule.title}
        assert descriptor["fullDescription"] == {"text": rule.meaning}
        assert descriptor["help"]["text"] == rule.mend
        assert rule.bad in descriptor["help"]["markdown"]
        assert descriptor["defaultConfiguration"] == {"level": rule.severity.partition(" ")[0]}
    assert all(described[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])


def test_compiling_does_not_read_the_table(project: Path) -> None:
    """Only SARIF needs it; start-up counts."""
    (project / "specs" / "a.yaml").write_text("kind: Nothing\n", "utf-8")
    code = (
        "import sys\n"
        "from sagespec import cli\n"
        "try:\n    cli.main()\n"
        "except SystemExit:\n    print([name for name in sys.modules if 'diagnostics.rules' in name])\n"
    )
    for form, loaded in (("text", False), ("sarif", True)):
        command = [sys.executable, "-c", code, "compile", "--format", form]
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True, env=ENVIRONMENT)
        assert "unknown-kind" in done.stdout + done.stderr
        assert ("sagespec.diagnostics.rules" in done.stdout.splitlines()[-1]) == loaded


def test_documents_name_rules_that_there_are() -> None:
    for document in [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        named = re.findall(r"\b(?:error|warning)\[([a-z-]+)\]", document.read_text("utf-8"))
        assert set(named) <= set(RULES), document.name


def test_the_page_is_what_the_table_says() -> None:
    assert write_rules.PAGE.read_text("utf-8") == write_rules.text(), "run tools/write_rules.py"
