"""Where a spec runs, and whether everything that it names is there too.

In: a spec, its settings, and where facts come from. Out: the `Context` of its account and region.
Refuses: an account or region without facts; ARNs of another partition or region, specs that run elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from compiler import arn, schema, source
from compiler.diagnostics import Diagnostic, Path, Problem
from compiler.lock import Context, Lock, MissingFact
from compiler.project import Settings
from compiler.resolved import Resolved
from compiler.spec import Spec


@dataclass(frozen=True)
class Facts:
    """Where facts come from: the lock, if there is one, and the region asked for on the command line."""

    lock: Lock | None = None
    region: str | None = None


def context(spec: Spec, settings: Settings, facts: Facts) -> Context | Diagnostic:
    """Find the account and region that a spec runs in, or say where they are said wrongly."""
    try:
        return _context(spec, settings, facts)
    except MissingFact as missing:
        problem = Problem("missing-fact", missing.message, ("spec", "region"), missing.hint)
    project = settings.project.source
    if project is None or facts.lock is None or settings.account in (None, *_accounts(facts.lock)):
        return spec.locate(problem)
    said = ("defaults", "account")
    layers: list[Path] = [("environments", settings.environment or "", *said), said]
    path = next(path for path in layers if source.get(project.data, path) is not None)
    return project.locate(Problem(problem.rule, problem.message, path, problem.hint), spec.address)


def _accounts(lock: Lock) -> set[str]:
    return {facts["account"] for facts in lock.contexts.values()}


def _context(spec: Spec, settings: Settings, facts: Facts) -> Context:
    region = spec.fields.region.value or settings.region or facts.region
    if facts.lock is not None:
        return replace(facts.lock.context(settings.account, region), asker=spec.address)
    if region and settings.account:
        return Context(settings.account, region, partition_of(region))
    missing = " and ".join(n for n, v in (("account", settings.account), ("region", region)) if not v)
    message = f"there is no lock {settings.project.lock}, and no {missing} in the project's defaults"
    raise MissingFact(message, "run `sagespec lock`, or name them in sagespec.yaml")


def partition_of(region: str) -> str:
    """The partition of a region, from the start of its name."""
    starts = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
    return next((partition for start, partition in starts.items() if region.startswith(start)), "aws")


def check(spec: Spec, here: Context, resolved: Mapping[str, Resolved]) -> Iterator[Problem]:
    """Check that the ARNs of a spec and the specs that it refers to are where it runs."""
    for name, target in spec.refs():
        there = resolved[target].inputs.context
        runs = bool(schema.runs(resolved[target].spec.kind))
        if runs and (there.account, there.region) != (here.account, here.region):
            place = f"{there.account}/{there.region}, this spec in {here.account}/{here.region}"
            yield Problem("ref-elsewhere", f"{target} runs in {place}", ("spec", name, "ref"))
    for pattern in _arn_fields(spec.kind):
        for path, text in _texts(spec.fields.value, pattern, ("spec",)):
            found = arn.parse(text)
            if found is not None:
                yield from _arn_problems(found, here, path)


_ELSEWHERE = {"iam", "s3"}
"""Services whose ARNs have no region."""


def _arn_problems(found: arn.Arn, here: Context, path: Path) -> Iterator[Problem]:
    """ARNs of another partition or region fail for certain, those of another account often."""
    if found.partition != here.partition:
        message = f"the ARN is of partition {found.partition}, this spec's is {here.partition}"
        yield Problem("arn-partition", message, path)
    elif found.region and found.region != here.region and found.service not in _ELSEWHERE:
        message = f"the ARN is of region {found.region}, this spec's is {here.region}"
        yield Problem("arn-region", message, path)
    elif found.account.isdigit() and found.account != here.account:
        message = f"the ARN is of account {found.account}, this spec's is {here.account}"
        yield Problem("arn-account", message, path, severity="warning")


_ANY = "*"
"""Any item of a list, in the path of a field."""


@cache
def _arn_fields(kind: str) -> tuple[Path, ...]:
    """The fields of a kind that may hold an ARN, by their pattern or a mark; other text may only look like one."""
    return tuple(dict.fromkeys(_marked(schema.load(kind)["properties"]["spec"], ())))


def _marked(tree: Mapping[str, Any], path: Path) -> Iterator[Path]:
    if "arn:aws" in tree.get("pattern", "") or tree.get("x-arn"):
        yield path
    for name, inner in tree.get("properties", {}).items():
        yield from _marked(inner, (*path, name))
    if isinstance(tree.get("items"), dict):
        yield from _marked(tree["items"], (*path, _ANY))
    for branch in tree.get("anyOf", ()):
        yield from _marked(branch, path)


def _texts(data: Any, pattern: Path, path: Path) -> Iterator[tuple[Path, str]]:
    """The texts of a field, with their paths."""
    if not pattern:
        if isinstance(data, str):
            yield path, data
    elif pattern[0] == _ANY:
        for index, item in enumerate(data if isinstance(data, list) else ()):
            yield from _texts(item, pattern[1:], (*path, index))
    elif isinstance(data, dict) and pattern[0] in data:
        yield from _texts(data[pattern[0]], pattern[1:], (*path, pattern[0]))
