"""Report each mistake once; problems that only follow from another are counted, not reported.

In: all diagnostics of the requested specs. Out: the diagnostics to report, and the specs that fail only because of
their dependencies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sagespec.diagnostics import Diagnostic, dotted
from sagespec.project import references
from sagespec.project.spec import Spec
from sagespec.reading.source import get

_REFS = ("broken-ref", "unknown-ref")
_CYCLE = "ref-cycle"
_FACT = "missing-fact"
_ANY = "*"


def once(diagnostics: Iterable[Diagnostic], specs: Mapping[str, Spec]) -> tuple[list[Diagnostic], tuple[str, ...]]:
    """Drop problems of refs to specs whose own mistakes are reported.

    Returns the other diagnostics, and the addresses of specs without other mistakes. A cycle is reported at its first
    spec. A ref to an unknown spec is dropped, too, while the name of a spec of that kind cannot be read: it may be
    meant.
    """
    diagnostics = sorted(diagnostics)
    failing = {d.address for d in diagnostics if d.is_error}
    unnamed = {_unnamed(d) for d in diagnostics if d.is_error and d.rule not in _REFS}
    kept: list[Diagnostic] = []
    following: list[str] = []
    cycles = _cycles(specs) if any(d.rule == _CYCLE for d in diagnostics) else {}
    reported: set[frozenset[str]] = set()
    for d in diagnostics:
        if d.rule == _CYCLE:
            members = cycles[d.address]
            (following.append(d.address) if members in reported else kept.append(d))
            reported.add(members)
            continue
        target = _target(d, specs.get(d.address)) if d.rule in _REFS else ""
        if target and (target in failing or (d.rule == "unknown-ref" and {target.partition("/")[0], _ANY} & unnamed)):
            following.append(d.address)
        else:
            kept.append(d)
    mistaken = {d.address for d in kept if d.is_error}
    return _defaults(kept, specs), tuple(a for a in dict.fromkeys(following) if a not in mistaken)


def _cycles(specs: Mapping[str, Spec]) -> dict[str, frozenset[str]]:
    """Return the members of the cycle that each spec is reported for."""
    _, ways = references.order(references.graph(specs))
    return {address: frozenset(way) for address, way in ways.items()}


def _target(d: Diagnostic, spec: Spec | None) -> str:
    refs = {dotted(ref.path): ref.target for ref in spec.refs} if spec else {}
    return refs.get(d.path, "")


def _unnamed(d: Diagnostic) -> str:
    """Return the kind of a spec whose name cannot be read because of an error.

    `_ANY` where the kind cannot be, either.
    """
    if "/" in d.address:
        return d.address.partition("/")[0] if d.path in ("metadata", "metadata.name") else ""
    return d.address if d.address and d.path != "kind" else _ANY


def _defaults(diagnostics: Iterable[Diagnostic], specs: Mapping[str, Spec]) -> list[Diagnostic]:
    """Report a missing default once, however many specs need it."""
    kept: list[Diagnostic] = []
    first: dict[tuple[str, str], int] = {}
    more: dict[int, set[str]] = {}
    for d in diagnostics:
        spec = specs.get(d.address)
        if d.rule == _FACT and spec is not None and get(spec.data, tuple(d.path.split("."))) is None:
            number = first.setdefault((d.message, d.hint), len(kept))
            if number < len(kept):
                more.setdefault(number, set()).add(d.address)
                continue
        kept.append(d)
    for number, addresses in more.items():
        count = len(addresses - {kept[number].address})
        message = f"{kept[number].message}; {count} more spec{' needs' if count == 1 else 's need'} it as well"
        kept[number] = replace(kept[number], message=message) if count else kept[number]
    return kept


def without_lock(diagnostics: Iterable[Diagnostic], lock: str) -> list[Diagnostic]:
    """Replace the diagnostics of all missing facts by one that says that there is no lock."""
    diagnostics = tuple(diagnostics)
    missing = sorted(d for d in diagnostics if d.rule == _FACT)
    kept = sorted(d for d in diagnostics if d.rule != _FACT)
    if not missing:
        return kept
    where = next((d for d in missing if d.path.endswith(".region")), None)
    named = next((d for d in kept if d.rule == "no-lock"), None)
    if named is not None:  # report it where the project file names the lock
        kept.remove(named)
        message = where.message if where else f"{named.message}: {_needed(missing)}"
        return sorted([*kept, replace(named, severity="error", message=message)])
    return sorted([*kept, where or replace(missing[0], message=f"there is no lock {lock}: {_needed(missing)}")])


def _needed(missing: list[Diagnostic]) -> str:
    count = "a fact is" if len(missing) == 1 else f"{len(missing)} facts are"
    return f"{count} missing, to begin with: {missing[0].message}"
