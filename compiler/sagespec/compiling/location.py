"""Find the account and region of a spec, and check that its references are in them.

In: a spec, its settings, and the source of facts. Out: the `Context` of its account and region. Refuses: an account
or region without facts, resources that are elsewhere, refs to specs that run elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from sagespec.checking import schema
from sagespec.diagnostics import Diagnostic, KeyPath, Problem
from sagespec.project.facts import Context, MissingFact
from sagespec.project.lock import Lock
from sagespec.project.settings import Settings
from sagespec.project.spec import Spec
from sagespec.reading import source
from sagespec.sagemaker import resource_names
from sagespec.sagemaker.inputs import Resolved


class Facts(NamedTuple):
    """The source of facts: the lock, if there is one, and the region of the command line.

    With `is_draft`, the lock is a draft that records which facts are asked for.
    """

    lock: Lock | None = None
    region: str | None = None
    is_draft: bool = False


def context(spec: Spec, settings: Settings, facts: Facts) -> Context | Diagnostic:
    """Find the account and region that a spec runs in, or the diagnostic at the field that is wrong."""
    try:
        return _context(spec, settings, facts)
    except MissingFact as missing:
        problem = Problem("missing-fact", missing.message, ("spec", "region"), missing.hint)
    project = settings.project.source
    if project is None or facts.lock is None or settings.account in (None, *_accounts(facts.lock)):
        return spec.locate(problem)
    said = ("defaults", "account")
    layers: list[KeyPath] = [("environments", settings.environment or "", *said), said]
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
    """Return the partition of a region by the prefix of its name."""
    starts = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
    return next((partition for start, partition in starts.items() if region.startswith(start)), "aws")


def known(spec: Spec | None, settings: Settings, lock: Lock | None) -> Context | None:
    """Return the facts that a spec may use, or the project's own defaults; None where the lock has none for them."""
    if spec is not None:
        found = context(spec, settings, Facts(lock))
        return found if isinstance(found, Context) else None
    try:
        return lock.context(settings.account, settings.region) if lock else None
    except MissingFact:
        return None


def is_elsewhere(there: Resolved, here: Context) -> bool:
    """Return whether a spec runs, and does so in another account or region."""
    home = there.inputs.context
    return bool(schema.runs(there.spec.kind)) and (home.account, home.region) != (here.account, here.region)


def check(spec: Spec, here: Context, resolved: Mapping[str, Resolved]) -> Iterator[Problem]:
    """Check that the resources and specs that a spec refers to are in its account and region."""
    for ref in spec.refs:
        there = resolved[ref.target].inputs.context
        if is_elsewhere(resolved[ref.target], here):
            home = f"{there.account}/{there.region}, this spec in {here.account}/{here.region}"
            yield Problem("ref-elsewhere", f"{ref.target} runs in {home}", ref.path)
    yield from resource_names.check(spec, here)
