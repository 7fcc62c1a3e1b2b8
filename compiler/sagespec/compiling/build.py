"""Build compiled files from resolved specs.

In: a `Resolved`. Out: a `Compiled`, after every request was checked against the service's model and every pipeline as
a graph. A problem is reported at the spec line that the value came from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from sagespec import kinds
from sagespec.checking import api, pipeline_graph
from sagespec.compiling import limits
from sagespec.diagnostics import Diagnostic, KeyPath, Problem, Problems
from sagespec.documents import compiled, operations, submitted
from sagespec.documents.compiled import DIGITS, Compiled, Request, identified
from sagespec.documents.identity import identify
from sagespec.documents.traced import Provenance, origin, settle
from sagespec.project import facts
from sagespec.project.facts import Context
from sagespec.project.policies import Policy
from sagespec.project.settings import Settings
from sagespec.sagemaker.inputs import Resolved


class Build(NamedTuple):
    """A compiled spec with the provenance of its requests, by request id.

    `excused` are the ids of the policies that it violates, and need not satisfy.
    """

    compiled: Compiled
    provenance: Mapping[str, Provenance]
    excused: frozenset[str] = frozenset()


def build(
    resolved: Resolved, settings: Settings, identities: Mapping[str, str], policies: Mapping[str, Policy]
) -> tuple[Build | None, list[Diagnostic]]:
    """Render and check one spec.

    `identities` are those of its dependencies by address, `policies` the schemas by file. Returns None for the build
    where a diagnostic is an error.
    """
    inputs, spec = resolved.inputs, resolved.spec
    drafts: list[Request] = []
    provenance: dict[str, Provenance] = {}
    problems: list[Problem] = []
    unchecked = Problems()
    wanted = kinds.find(spec.kind).requests(inputs, resolved.facts)
    if wrong := [*operations.wrong([draft.operation for draft in wanted])]:
        return None, [spec.locate(_of_kind(spec.kind, reason)) for reason in wrong]
    for draft in wanted:
        parameters, provenance[draft.id] = settle(draft.parameters)
        request = replace(draft, parameters=parameters)
        drafts.append(request)
        for problem in _check(request, resolved, unchecked):
            field = origin(provenance[draft.id], problem.path)
            problems.append(replace(problem, path=within(spec.data, field), message=_at(problem, request)))
    diagnostics = [spec.locate(p) for p in dict.fromkeys([*problems, *unchecked])]
    if any(d.is_error for d in diagnostics):
        return None, diagnostics
    context = inputs.context
    # an inherited agent may be the output of a spec that this one has no ref to
    needed = {d.spec.address for d in resolved.dependencies}.union(*(compiled.awaited(d.parameters) for d in drafts))
    unnamed = Compiled(
        address=spec.address,
        source=spec.source.file,
        account=context.account,
        region=context.region,
        depends_on={address: identities[address][:DIGITS] for address in sorted(needed)},
        requests=tuple(drafts),
        project=settings.project.name,
        environment=settings.environment,
        run=spec.data["metadata"].get("run"),
        thresholds=tuple(spec.data["metadata"].get("thresholds", ())),
        skip_reward_validation=spec.data["spec"].get("skip_reward_validation") is True,
    )
    made = replace(unnamed, identity=identify(unnamed))
    violations = [*_violations(made, provenance, spec.data, policies), *limits.check(made, settings.project.limits)]
    exempt = {one.policy for one in settings.project.exceptions if one.address == spec.address}
    broken = [spec.locate(problem) for policy, problem in violations if policy not in exempt]
    failed = any(d.is_error for d in broken)
    excused = frozenset(policy for policy, _ in violations) & exempt
    return None if failed else Build(made, provenance, excused), diagnostics + broken


def _of_kind(kind: str, reason: str) -> Problem:
    """Return the problem of a kind whose requests apply refuses: a mistake in the kind's module, not in the spec."""
    hint = f"the kind is at fault, not the spec: its last request must be one of {', '.join(operations.runs())}"
    return Problem("unknown-operation", f"{kind} cannot be applied: {reason}", ("kind",), hint)


def _violations(
    made: Compiled, provenance: Mapping[str, Provenance], data: Any, policies: Mapping[str, Policy]
) -> Iterator[tuple[str, Problem]]:
    """Yield the violated policies of the project by id, each with the problem at a key path in the spec.

    What a request or a document lacks as a whole is no field's fault: it stands at `spec`.
    """
    document: dict[str, Any] = json.loads(compiled.dump(made)) if policies else {}
    for policy in policies.values():
        for problem in policy.check(document):
            path: KeyPath = ()
            if problem.path[-1:] in (("parameters",), ("$json",)):
                path = ("spec",)
            elif problem.path[:1] == ("requests",) and len(problem.path) > 3:
                request = made.requests[int(problem.path[1])]
                path = within(data, origin(provenance[request.id], problem.path[3:]))
            yield policy.id, replace(problem, path=path, on_key=problem.on_key or path == ("spec",))


def _check(request: Request, resolved: Resolved, unchecked: Problems) -> Iterator[Problem]:
    """Check a request; `unchecked` collects the problems that keep its documents from being checked."""
    whole = submitted.completed(request, resolved.spec.address, submitted.ANY_IDENTITY, submitted.ANY_COMMIT)
    yield from api.check(request.service, request.operation, whole.parameters)
    definition = request.parameters.get("PipelineDefinition")
    if definition is not None:
        for problem in pipeline_graph.check(definition["$json"]):
            yield replace(problem, path=("PipelineDefinition", "$json", *problem.path))
    for path, category, version, document in _job_documents(request):
        context = resolved.inputs.context
        ask = partial(context.job_schema, category, version)
        job_schema = facts.ask(unchecked, ("kind",), ask, needed=False)
        if job_schema is None:
            continue
        from sagespec.checking import foreign_schema  # with jsonschema, which compiling does without otherwise

        expected = _with_stand_ins(identified(document, submitted.ANY_IDENTITY), context)
        for problem in foreign_schema.load(job_schema).check(expected):
            yield replace(problem, rule="job-schema", path=(*path, *problem.path))


def _job_documents(request: Request) -> Iterator[tuple[KeyPath, str, str, Any]]:
    """Yield the job documents of a request, its own and those of the Job steps of its pipeline.

    Each comes with its key path in the parameters, its category and the version of its schema.
    """
    documents: list[tuple[KeyPath, Any]] = [((), request.parameters)]
    steps = request.parameters.get("PipelineDefinition", {}).get("$json", {}).get("Steps", ())
    documents += [
        (("PipelineDefinition", "$json", "Steps", index, "Arguments"), step["Arguments"])
        for index, step in enumerate(steps)
    ]
    for path, arguments in documents:
        if "JobConfigDocument" in arguments:
            where = (*path, "JobConfigDocument", "$json")
            category, version = arguments["JobCategory"], arguments["JobConfigSchemaVersion"]
            yield where, category, version, arguments["JobConfigDocument"]["$json"]


_STAND_INS = {
    "ArtifactArn": ("sagemaker", "artifact/0"),
    "FunctionArn": ("lambda", "function:pending"),
    "ModelPackageGroupArn": ("sagemaker", "model-package-group/pending"),
    "OutputModelPackageArn": ("sagemaker", "model-package/pending/1"),
}
"""The form of an output by its field: service and resource of an ARN."""


def _with_stand_ins(tree: Any, context: Context) -> Any:
    """Replace outputs of other requests by values of the same form: job schemas do not know our markers."""
    if isinstance(tree, dict):
        if set(tree) == {"$output"}:
            service, resource = _STAND_INS[tree["$output"].rpartition(".")[2]]
            return f"arn:{context.partition}:{service}:{context.region}:{context.account}:{resource}"
        return {key: _with_stand_ins(value, context) for key, value in tree.items()}
    return [_with_stand_ins(item, context) for item in tree] if isinstance(tree, list) else tree


def _at(problem: Problem, request: Request) -> str:
    """Prefix a message with the API's name of the member, which differs from the field's in the spec."""
    members = [str(step) for step in problem.path if step != "$json"]
    return f"{request.operation} {'.'.join(members)}: {problem.message}" if members else problem.message


def within(data: Any, path: KeyPath) -> KeyPath:
    """Cut a path after the last key that exists in the spec: a derived value may have more members than its field."""
    for length, step in enumerate(path):
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return path[:length] if path[:2] != ("defaults", "tags") else path[:3]
    return path
