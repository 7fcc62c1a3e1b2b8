"""Resolve specs: follow refs, find facts, check rules across fields.

In: the specs of a project, and the source of facts. Out: a `Resolution`: every spec is resolved or has failed.
Refuses: invalid refs, accounts and regions without facts, and what the kinds refuse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from typing import NamedTuple

from sagespec import kinds
from sagespec.compiling import location
from sagespec.compiling.location import Facts
from sagespec.diagnostics import Diagnostic, Problem, Problems
from sagespec.memory import remembered
from sagespec.project import plain_text, references
from sagespec.project.references import Failed
from sagespec.project.settings import Settings
from sagespec.project.spec import Spec
from sagespec.sagemaker import kind
from sagespec.sagemaker.inputs import Inputs, Resolved


class Resolution(NamedTuple):
    """The resolved and the failed specs by address, and all diagnostics."""

    resolved: Mapping[str, Resolved] = field(default_factory=dict)
    failed: Failed = field(default_factory=dict)
    diagnostics: tuple[Diagnostic, ...] = ()


def resolve(specs: Mapping[str, Spec], broken: Failed, settings: Settings, facts: Facts) -> Resolution:
    """Resolve specs in the order of their refs; `broken` are the specs that could not be read."""
    failed: dict[str, Diagnostic | None] = dict(broken)
    resolved: dict[str, Resolved] = {}
    diagnostics: list[Diagnostic] = []
    order, cycles = references.order(references.graph(specs))
    failed |= {address: references.circle(specs[address], way) for address, way in cycles.items()}
    for address in order:
        spec = specs[address]
        problems = references.check(spec, specs, failed)
        done: Resolved | None = None
        if not problems:
            done, of_spec = remembered(_resolve, spec, _upstream(spec, resolved), settings, facts)
            problems = [*of_spec]
        else:
            problems += _besides(spec, problems, resolved, settings, facts)
        if done is None:
            failed[address] = first_error(problems)
        else:
            resolved[address] = done
        diagnostics += problems
    for address in cycles:  # last: the specs of their other refs are resolved or failed by now
        diagnostics += _in_cycle(specs, address, failed, resolved, settings, facts)
    diagnostics += _shared_outputs(resolved)
    diagnostics += _shared_functions(resolved)
    return Resolution(resolved, failed, tuple(sorted(diagnostics)))


def _in_cycle(
    specs: Mapping[str, Spec],
    address: str,
    failed: Failed,
    resolved: Mapping[str, Resolved],
    settings: Settings,
    facts: Facts,
) -> list[Diagnostic]:
    """Return the cycle that a spec is in, and its other problems."""
    spec, back = specs[address], failed[address]
    assert back is not None
    own = [back, *(d for d in references.check(spec, specs, failed) if d.path != back.path)]
    return [*own, *_besides(spec, own, resolved, settings, facts)]


def first_error(diagnostics: list[Diagnostic]) -> Diagnostic | None:
    """Return the first error in order of position."""
    return min((d for d in diagnostics if d.is_error), default=None)


def _shared_outputs(resolved: Mapping[str, Resolved]) -> Iterator[Diagnostic]:
    """Yield warnings for jobs with the same output path.

    The Job API writes directly below it, so they would overwrite.
    """
    outputs = {address: path for address, one in resolved.items() if (path := one.exports.output_path)}
    paths = sorted((output.value.rstrip("/") + "/", address) for address, output in outputs.items())
    outermost, other, alone = "", "", False
    for path, address in paths:
        if not outermost or not path.startswith(outermost):
            outermost, other, alone = path, address, True
            continue
        shared = [(address, other), (other, address)] if alone else [(address, other)]
        alone = False
        for one, another in shared:
            message = f"{another} writes to {outermost} as well: they would overwrite each other's files"
            hint = "use ${spec.name} and ${spec.run} in the path"
            field = outputs[one].path
            yield resolved[one].spec.locate(Problem("shared-output", message, field, hint, "warning"))


def _shared_functions(resolved: Mapping[str, Resolved]) -> Iterator[Diagnostic]:
    """Yield warnings for functions with the same name.

    A function is never changed, so a different second one fails.
    """
    makers: dict[tuple[str, str], str] = {}
    for address, one in resolved.items():
        name = one.exports.function_name
        if name:
            other = makers.setdefault((one.inputs.context.region, name.value), address)
            if other != address:
                message = f"{other} makes the function {name.value!r} as well"
                hint = "leave the name out, or use ${spec.name} in it"
                yield one.spec.locate(Problem("shared-function", message, name.path, hint, "warning"))


def examine(
    spec: Spec, specs: Mapping[str, Spec], resolution: Resolution, settings: Settings, facts: Facts
) -> list[Diagnostic]:
    """Return the problems in those fields of a spec that its schema accepts, where the schema refuses the spec."""
    broken = references.check(spec, specs, resolution.failed)
    return [*broken, *_besides(spec, broken, resolution.resolved, settings, facts)]


def _besides(
    spec: Spec, refs: Iterable[Diagnostic], resolved: Mapping[str, Resolved], settings: Settings, facts: Facts
) -> list[Diagnostic]:
    """Return the problems of a spec except invalid refs and what its schema refuses."""
    if facts.is_draft and spec.broken is None:  # its facts are known only once its refs are valid
        return []
    broken = frozenset({*(spec.broken or ()), *(_field(d) for d in refs)})
    upstream = _upstream(replace(spec, broken=broken), resolved)
    return [*remembered(_rest, spec, broken, upstream, settings, facts)]


def _field(diagnostic: Diagnostic) -> str:
    """Return the field of a spec that the problem of a ref is in."""
    return diagnostic.path.split(".")[1].partition("[")[0]


def _rest(
    spec: Spec, broken: frozenset[str], upstream: tuple[Resolved, ...], settings: Settings, facts: Facts
) -> list[Diagnostic]:
    """Return the problems of a spec apart from broken fields.

    A field that is broken counts as not given here: what is said at its place about a default is not true of it.
    """
    _, diagnostics = _resolve(replace(spec, broken=broken), upstream, settings, facts)
    return [d for d in diagnostics if d.is_error and d.rule != "missing-field" and not _is_default(d, broken)]


def _is_default(diagnostic: Diagnostic, broken: frozenset[str]) -> bool:
    return diagnostic.rule == "missing-fact" and diagnostic.path.removeprefix("spec.") in broken


def _upstream(spec: Spec, resolved: Mapping[str, Resolved]) -> tuple[Resolved, ...]:
    """Return the specs that a spec refers to."""
    return tuple(resolved[address] for address in sorted({ref.target for ref in spec.refs}))


def _resolve(
    spec: Spec, upstream: tuple[Resolved, ...], settings: Settings, facts: Facts
) -> tuple[Resolved | None, list[Diagnostic]]:
    resolved = {one.spec.address: one for one in upstream}
    context = location.context(spec, settings, facts)
    if isinstance(context, Diagnostic):
        return None, [context]
    problems = Problems(location.check(spec, context, resolved))
    problems += plain_text.check(spec.data.get("spec"), settings.project.allow_secrets)
    root = settings.project.root
    inputs = Inputs(
        spec=spec,
        context=context,
        qualified_name=settings.qualified_name(spec.name),
        project=settings.project,
        folder=(root / spec.source.file).parent,
        upstream={ref.field: resolved[ref.target].exports for ref in spec.refs},
    )
    kind_module = kinds.find(spec.kind)
    made = kind_module.resolve(inputs, problems)
    diagnostics = [spec.locate(p) for p in problems]
    if made is None or any(d.is_error for d in diagnostics):
        return None, diagnostics
    given = kind.exports(kind_module, inputs, made)
    return Resolved(inputs, made, given, upstream), diagnostics
