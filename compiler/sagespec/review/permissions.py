"""The permissions that commands need for compiled files, and those of the roles that the files pass.

In: compiled files, the facts of the lock, the table of permissions. Out: `Grant`s, by the role that needs them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from sagespec import arn
from sagespec.compiling import location
from sagespec.documents import identity
from sagespec.documents.compiled import Request, outputs_in
from sagespec.executor import needs
from sagespec.executor.files import File
from sagespec.executor.needs import Need
from sagespec.sagemaker import images, permissions
from sagespec.sagemaker.permissions import Call, Grant, Value, entry, escaped, granted, sent

Purpose = Literal["lock", "plan", "apply", "track", "execution", "agent"]
OF_CALLER: tuple[Purpose, ...] = ("lock", "plan", "apply", "track")
OF_ROLES: tuple[Purpose, ...] = ("execution", "agent")
CALLER = ""
"""The role of the user who runs the command, which is unknown here."""


class Granted(NamedTuple):
    """One grant, and the ARN of the role that needs it; `CALLER` for the user who runs the command."""

    role: str
    grant: Grant


class _Files(NamedTuple):
    """The requested files, and the files that they refer to, by address."""

    asked: Sequence[File]
    known: Mapping[str, File]

    def call(self, file: File, request: Request) -> Call:
        uploads = identity.uploads_of(file.content.requests)
        patterns = {place: escaped(stable) + "*" for place, stable in uploads.items()}
        given: dict[str, Value] = {}
        if request.operation == "PutObject":
            place = f"s3://{request.parameters['Bucket']}/{request.parameters['Key']}"
            stable = next(stable for folder, stable in uploads.items() if place.startswith(f"{folder}/"))
            given = {"Key": Value(escaped(arn.s3_location(stable)[1]) + "*", ("Key",))}
        return Call(
            file.address,
            request.id,
            _place(file),
            request.parameters,
            given,
            uploads=patterns,
            outputs=self.outputs,
        )

    def outputs(self, address: str, name: str) -> Iterator[str]:
        """Yield the patterns of an output of a request in the same file, or of another file."""
        owner, _, output = name.rpartition(".")
        own = owner.removeprefix("requests.") if owner.startswith("requests.") else ""
        file = self.known[address if own else owner]
        templates = entry("outputs", output)
        for request in file.content.requests:
            if not own or request.id == own:
                call = self.call(file, request)
                yield from (text for template in templates for (text,), _ in call.filled([template]))

    def role_of_function(self, pattern: str) -> str:
        """Return the role of a function that a spec creates, by the pattern of the function's ARN.

        '' for other agents.
        """
        for file in self.known.values():
            for request in file.content.requests:
                made = self.call(file, request).filled(entry("outputs", "FunctionArn"))
                if any(arn_pattern == pattern for (arn_pattern,), _ in made):
                    return _role(request.operation, request.parameters)
        return ""


def _place(file: File) -> dict[str, str]:
    content = file.content
    partition = location.partition_of(content.region)
    return {"partition": partition, "region": content.region, "account": content.account}


def find(
    purpose: Purpose, asked: Sequence[File], known: Mapping[str, File], contexts: Mapping[str, Mapping[str, Any]]
) -> Iterator[Granted]:
    """Yield what a purpose needs for files; `contexts` are those of the lock.

    Raises permissions.Unlisted for an operation or resource that is not in the table.
    """
    files = _Files(asked, known)
    if purpose == "execution":
        yield from _of_execution(files)
    elif purpose == "agent":
        yield from _of_agents(files)
    else:
        places = {(file.content.account, file.content.region): file for file in asked}
        for file in places.values():
            yield from _for_caller(sent(Call("", "", _place(file)), permissions.table()["always"][purpose]))
        if purpose == "lock":
            for (account, region), file in places.items():
                yield from _for_caller(_of_facts(_place(file), contexts.get(f"{account}/{region}", {})))
            return
        for file in asked:
            for request in file.content.requests:
                operations = entry("requests", request.operation)[purpose]
                yield from _for_caller(sent(files.call(file, request), operations))
            if purpose != "track":
                yield from _for_caller(_of_needs(file, purpose))


def _for_caller(grants: Iterator[Grant]) -> Iterator[Granted]:
    return (Granted(CALLER, grant) for grant in grants)


def _of_needs(file: File, purpose: Purpose) -> Iterator[Grant]:
    """Yield the grants for looking up the resources that a file needs."""
    for need in needs.of(file):
        sort, parameters = _parameters(need, file)
        if parameters:
            given = {name: Value(escaped(text), need.path) for name, text in parameters.items()}
            call = Call(file.address, need.request, _place(file), {}, given)
            yield from sent(call, entry("needs", sort)[purpose])


def _parameters(need: Need, file: File) -> tuple[str, dict[str, str]]:
    """Return the table's name for the sort of a need, and the parameters of the calls that look it up."""
    if need.sort in ("bucket", "object", "prefix"):
        bucket, key = arn.s3_location(need.name) if need.name.startswith("s3://") else (need.name, "")
        return need.sort, {"Bucket": bucket, **({"Key": key} if need.sort == "object" else {})}
    if need.sort == "image":
        image = images.parse(need.name)
        own = image is not None and (image.account, image.region) == (file.content.account, file.content.region)
        return "image", {"repositoryName": image.repository} if image and own else {}
    if need.sort == "role":
        parsed = arn.parse(need.name)
        return "role", {"RoleArn": need.name} if parsed and parsed.account == file.content.account else {}
    parsed = arn.parse(need.name)
    resource = parsed.resource.partition("/")[0] if parsed else ""
    return (resource if need.sort == "mlflow" else need.sort), {"Arn": need.name}


def _of_facts(place: Mapping[str, str], context: Mapping[str, Any]) -> Iterator[Grant]:
    """Yield the grants for looking up the facts in the lock."""
    for section, facts in context.items():
        if section in ("account", "partition", "region") or facts is None:
            continue
        operations = entry("facts", section)
        for name, fact in facts.items() if isinstance(facts, dict) else [("", facts)]:
            members = fact if isinstance(fact, dict) else {"Arn": fact}
            given = {"Name": name, **{k: v for k, v in members.items() if isinstance(v, str)}}
            call = Call(
                f"{section}/{name}".rstrip("/"), "", place, {}, {k: Value(escaped(v)) for k, v in given.items()}
            )
            yield from sent(call, operations)


def _of_execution(files: _Files) -> Iterator[Granted]:
    """Yield what SageMaker needs with the roles that it gets.

    Of a job, of a pipeline, and of the pipeline's steps.
    """
    for file in files.asked:
        for request in file.content.requests:
            role = _role(request.operation, request.parameters)
            call = files.call(file, request)
            if request.operation in permissions.table()["execution"]:
                actions = entry("execution", request.operation)
                yield from (Granted(role, grant) for grant in granted(call, actions))
            yield from (Granted(role, grant) for grant in _of_readers(files, request))
            for step in permissions.steps(request):
                inside = replace(call, parameters=step.arguments, at=step.path)
                yield from (Granted(role, grant) for grant in sent(inside, step.sends))
                inner = _role(step.operation, step.arguments) or role
                actions = entry("execution", step.operation)
                yield from (Granted(inner, grant) for grant in granted(inside, actions))


def _of_readers(files: _Files, request: Request) -> Iterator[Grant]:
    """Yield what the role of a request needs to read the outputs of other specs, such as their KMS keys."""
    for output in sorted(outputs_in(request.parameters)):
        address, _, name = output.rpartition(".")
        if actions := permissions.table()["readers"].get(name):
            file = files.known[address]
            yield from (
                grant for source in file.content.requests for grant in granted(files.call(file, source), actions)
            )


def _role(operation: str, parameters: Mapping[str, Any]) -> str:
    """Return the role that a request passes, or ''."""
    request = Request("", "", operation, dict(parameters))
    return next((passed.role for passed in permissions.passed(request)), "")


def _of_agents(files: _Files) -> Iterator[Granted]:
    """Yield what agents need with their roles: sampling from the jobs that call them, and writing logs.

    The role of an agent that no spec creates is unknown, so the agent's ARN stands for it.
    """
    actions = permissions.table()["agent"]
    for file in files.asked:
        for request in file.content.requests:
            call = files.call(file, request)
            if request.operation == "CreateFunction":
                role = _role(request.operation, request.parameters)
                yield from (Granted(role, grant) for grant in granted(call, actions["CreateFunction"]))
            if request.operation == "CreateJob":
                yield from _of_agent(files, call, actions["CreateJob"])
            for step in (step for step in permissions.steps(request) if step.operation == "CreateJob"):
                given = {"JobName": Value("pipelines-*")}
                inside = replace(call, parameters=step.arguments, at=step.path, given=given)
                yield from _of_agent(files, inside, actions["CreateJob"])


def _of_agent(files: _Files, call: Call, actions: Mapping[str, Any]) -> Iterator[Granted]:
    for slot in ("**LambdaArn", "**AgentRuntimeArn"):
        for agent in call.values(slot):
            role = files.role_of_function(agent.pattern) or agent.pattern
            yield from (Granted(role, grant) for grant in granted(call, actions))


def trusted(purpose: Purpose, files: Sequence[File]) -> dict[tuple[str, str], dict[str, list[str]]]:
    """Say what has to be allowed to assume the roles that files pass: actions by service, by role and account.

    The roles of agents are those of functions; all others execute jobs and pipelines.
    """
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for file in files:
        for request in file.content.requests:
            for role, service, _ in permissions.passed(request):
                if (request.operation == "CreateFunction") == (purpose == "agent"):
                    key = role, file.content.account
                    found.setdefault(key, {})[service] = entry("trust", service)
    return dict(sorted(found.items()))
