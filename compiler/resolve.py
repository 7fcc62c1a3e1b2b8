"""Specs to resolved specs: references followed, facts found, rules across fields checked.

In: the specs that are asked for, and a way to load the rest of the project when one of them refers to it.
Refuses: duplicate addresses, refs that lead nowhere, to the wrong kind or round in a circle, and whatever the
kinds refuse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from compiler import arn, kinds, lock
from compiler.diagnostics import Diagnostic, Problem, Problems, did_you_mean
from compiler.lock import Context, Lock
from compiler.project import Settings
from compiler.resolved import Inputs, Resolved
from compiler.spec import Spec, ref_kinds
from compiler.trace import Traced


@dataclass(frozen=True)
class Facts:
    """Where facts come from: the lock, if there is one, and the region asked for on the command line."""

    lock: Lock | None = None
    region: str | None = None
    account: str | None = None


@dataclass(frozen=True)
class Resolution:
    """What became of the specs: the resolved ones by address, and everything there is to say."""

    resolved: Mapping[str, Resolved] = field(default_factory=dict)
    diagnostics: tuple[Diagnostic, ...] = ()


def index(specs: Iterable[Spec]) -> tuple[dict[str, Spec], list[Diagnostic]]:
    """Arrange specs by address; a second one with a name already taken is an error (case does not count)."""
    found: dict[str, Spec] = {}
    taken: dict[str, Spec] = {}
    diagnostics = []
    for spec in specs:
        other = taken.get(spec.address.lower())
        if other is None:
            taken[spec.address.lower()] = found[spec.address] = spec
            continue
        span = other.source.span(("metadata", "name"))
        message = f"{spec.address} is already defined at {other.source.file}:{span.line}"
        hint = "names differ in more than case" if spec.name != other.name else ""
        diagnostics.append(spec.locate(Problem("duplicate-address", message, ("metadata", "name"), hint)))
    return found, diagnostics


def resolve(specs: Mapping[str, Spec], broken: frozenset[str], settings: Settings, facts: Facts) -> Resolution:
    """Resolve specs in the order of their refs; `broken` are addresses that failed to load."""
    diagnostics: list[Diagnostic] = []
    graph: dict[str, list[str]] = {}
    for address, spec in specs.items():
        problems = Problems(_ref_problems(spec, specs, broken))
        diagnostics += [spec.locate(p) for p in problems]
        graph[address] = [target for _, target in spec.refs() if target in specs]
    order, cycle = _order(graph)
    for address in cycle:
        spec = specs[address]
        way = " -> ".join([*cycle[cycle.index(address) :], *cycle[: cycle.index(address)], address])
        name = next(name for name, target in spec.refs() if target in cycle)
        diagnostics.append(spec.locate(Problem("ref-cycle", f"refers to itself: {way}", ("spec", name, "ref"))))
    failed = {d.address for d in diagnostics}
    resolved: dict[str, Resolved] = {}
    for address in order:
        if address in failed or any(target not in resolved for target in graph[address]):
            continue
        done, found = _resolve(specs[address], resolved, settings, facts)
        diagnostics += found
        if done is not None:
            resolved[address] = done
    diagnostics += _shared_outputs(resolved)
    return Resolution(resolved, tuple(sorted(diagnostics)))


def _shared_outputs(resolved: Mapping[str, Resolved]) -> Iterator[Diagnostic]:
    """Jobs of the Job API write straight below their path: two with one path overwrite each other."""
    outputs = {address: getattr(one.facts, "output_path", Traced(None)) for address, one in resolved.items()}
    paths = sorted((output.value.rstrip("/") + "/", address) for address, output in outputs.items() if output)
    outermost, other = "", ""
    for path, address in paths:
        if outermost and path.startswith(outermost):
            spec = resolved[address].spec
            message = f"{other} writes to {outermost} as well: they would overwrite each other's files"
            hint = "use ${spec.name} and ${spec.run} in the path"
            yield spec.locate(Problem("shared-output", message, outputs[address].path, hint, "warning"))
        else:
            outermost, other = path, address


def _ref_problems(spec: Spec, specs: Mapping[str, Spec], broken: frozenset[str]) -> Iterator[Problem]:
    for name, target in spec.refs():
        path = ("spec", name, "ref")
        allowed = ref_kinds(spec.kind).get(name, ())
        kind = target.partition("/")[0]
        if kind not in allowed:
            hint = f"{name} takes a ref to {' or '.join(allowed)}"
            yield Problem("wrong-ref", f"{target} is not of a kind that {name} can refer to", path, hint)
        elif target in broken:
            yield Problem("broken-ref", f"{target} has errors of its own", path)
        elif target not in specs:
            near = did_you_mean(target, [a for a in specs if a.startswith(f"{kind}/")])
            yield Problem("unknown-ref", f"no spec has the address {target}", path, near)


def examine(
    spec: Spec,
    specs: Mapping[str, Spec],
    broken: frozenset[str],
    resolved: Mapping[str, Resolved],
    settings: Settings,
    facts: Facts,
) -> list[Diagnostic]:
    """Say what more is wrong with a spec that is refused, about the fields that are accepted."""
    if any(target not in resolved for _, target in spec.refs()):
        return [spec.locate(p) for p in _ref_problems(spec, specs, broken)]
    _, diagnostics = _resolve(spec, resolved, settings, facts)
    return [d for d in diagnostics if d.is_error and d.rule != "missing-field"]


def _order(graph: Mapping[str, Iterable[str]]) -> tuple[list[str], list[str]]:
    """Sort so that what is referred to comes first; give the members of a circle beside it."""
    remaining = {address: set(targets) for address, targets in sorted(graph.items())}
    circles: list[str] = []
    while True:
        try:
            return list(TopologicalSorter(remaining).static_order()), circles
        except CycleError as error:
            circle = list(reversed(error.args[1][1:]))
            circles += circle
            for address in circle:
                remaining.pop(address)
            remaining = {a: targets - set(circle) for a, targets in remaining.items()}


def _resolve(
    spec: Spec, resolved: Mapping[str, Resolved], settings: Settings, facts: Facts
) -> tuple[Resolved | None, list[Diagnostic]]:
    problems = Problems()
    context = lock.ask(problems, ("spec", "region"), lambda: _context(spec, settings, facts))
    made: Any = None
    if context is not None:
        problems += _arn_problems(spec, context)
        root = settings.project.root
        inputs = Inputs(
            spec=spec,
            context=context,
            qualified_name=settings.qualified_name(spec.name),
            root=root,
            folder=(root / spec.source.file).parent,
            upstream={name: resolved[target].facts for name, target in spec.refs()},
        )
        made = kinds.find(spec.kind).resolve(inputs, problems)
    diagnostics = [spec.locate(p) for p in problems]
    if made is None or context is None or any(d.is_error for d in diagnostics):
        return None, diagnostics
    targets = sorted({target for _, target in spec.refs()})
    return Resolved(inputs, made, tuple(resolved[t] for t in targets)), diagnostics


def _context(spec: Spec, settings: Settings, facts: Facts) -> Context:
    region = spec.fields.region.value or settings.region or facts.region
    account = settings.account or facts.account
    if facts.lock is not None:
        return replace(facts.lock.context(account, region), asker=spec.address)
    if region and account:
        return Context(account, region, partition_of(region))
    missing = " and ".join(n for n, v in (("account", account), ("region", region)) if not v)
    message = f"there is no lock, and no {missing} in the project's defaults"
    raise lock.MissingFact(message, "run `sagespec lock`, or name them in sagespec.yaml")


def partition_of(region: str) -> str:
    """The partition of a region, from the start of its name."""
    starts = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
    return next((partition for start, partition in starts.items() if region.startswith(start)), "aws")


_ELSEWHERE = {"iam", "s3"}
"""Services whose ARNs have no region."""


def _arn_problems(spec: Spec, context: Context) -> Iterator[Problem]:
    """ARNs of another region fail for certain, those of another account often."""
    for path, text in _texts(spec.fields.value, ("spec",)):
        found = arn.parse(text)
        if found is None or path[1] in _FREE_TEXT:
            continue
        if found.region and found.region != context.region and found.service not in _ELSEWHERE:
            message = f"the ARN is of region {found.region}, this spec's is {context.region}"
            yield Problem("arn-region", message, path)
        elif found.account.isdigit() and found.account != context.account:
            message = f"the ARN is of account {found.account}, this spec's is {context.account}"
            yield Problem("arn-account", message, path, severity="warning")


_FREE_TEXT = {"environment", "hyperparameters", "tags", "source", "custom_metrics"}


def _texts(data: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], str]]:
    if isinstance(data, str):
        yield path, data
    members = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in members:
        yield from _texts(value, (*path, key))
