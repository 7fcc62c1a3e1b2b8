"""Report each mistake once: errors that only follow from another are counted, not reported.

In: everything that was found wrong with the specs that were asked for. Out: what is to be reported, and the specs
that fail only with those that they refer to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sagespec.diagnostics import Diagnostic
from sagespec.project import references
from sagespec.project.spec import Spec
from sagespec.reading.source import get

_REFS = ("broken-ref", "unknown-ref")
_CYCLE = "ref-cycle"
_FACT = "missing-fact"
_ANY = "*"


def once(said: Iterable[Diagnostic], specs: Mapping[str, Spec]) -> tuple[list[Diagnostic], tuple[str, ...]]:
    """Leave out refs to specs whose own mistakes are reported, and count the specs that have no other mistake.

    A cycle is reported at the first of its specs. A ref that leads nowhere is left out, too, while the name of some
    spec is not known: it may be the one meant.
    """
    said = sorted(said)
    failing = {d.address for d in said if d.is_error}
    unnamed = {_unnamed(d) for d in said if d.is_error and d.rule not in _REFS}
    kept: list[Diagnostic] = []
    following: list[str] = []
    cycles = _cycles(specs) if any(d.rule == _CYCLE for d in said) else {}
    reported: set[frozenset[str]] = set()
    for d in said:
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
    """The members of the cycle that each spec is reported for."""
    _, ways = references.order(references.graph(specs))
    return {address: frozenset(way) for address, way in ways.items()}


def _target(d: Diagnostic, spec: Spec | None) -> str:
    refs = {f"spec.{name}.ref": target for name, target in spec.refs()} if spec else {}
    return refs.get(d.path, "")


def _unnamed(d: Diagnostic) -> str:
    """The kind of a spec that an error leaves without a name; `_ANY` where its kind is not known either."""
    if "/" in d.address:
        return d.address.partition("/")[0] if d.path in ("metadata", "metadata.name") else ""
    return d.address if d.address and d.path != "kind" else _ANY


def _defaults(said: Iterable[Diagnostic], specs: Mapping[str, Spec]) -> list[Diagnostic]:
    """Say once that there is no default for a field that some specs leave out."""
    kept: list[Diagnostic] = []
    first: dict[tuple[str, str], int] = {}
    more: dict[int, set[str]] = {}
    for d in said:
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


def without_lock(said: Iterable[Diagnostic], lock: str) -> list[Diagnostic]:
    """Say once that there is no lock: no fact that the specs need is known."""
    missing = sorted(d for d in said if d.rule == _FACT)
    kept = sorted(d for d in said if d.rule != _FACT)
    if not missing:
        return kept
    where = next((d for d in missing if d.path.endswith(".region")), None)
    named = next((d for d in kept if d.rule == "no-lock"), None)
    if named is not None:  # where the project file names it
        kept.remove(named)
        message = where.message if where else f"{named.message}: {_needed(missing)}"
        return sorted([*kept, replace(named, severity="error", message=message)])
    return sorted([*kept, where or replace(missing[0], message=f"there is no lock {lock}: {_needed(missing)}")])


def _needed(missing: list[Diagnostic]) -> str:
    count = "a fact is" if len(missing) == 1 else f"{len(missing)} facts are"
    return f"{count} missing, to begin with: {missing[0].message}"
