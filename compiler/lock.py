"""The lock: everything that only AWS knows, as data.

In: the bytes of `sagespec.lock.json`. Out: a `Context` of facts for one account and region.
Refuses: a file that is not a lock. A fact that is missing raises `MissingFact`, which the field that needs
the fact turns into a diagnostic.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from compiler import foreign, schema, source
from compiler.diagnostics import Diagnostic, Path, Problem, Problems, did_you_mean
from compiler.document import MAX_DEPTH

Facts = Mapping[str, Any]
Fact = tuple[str, str]
"""A section of a context and a name in it; the name is empty where the section is one fact."""
T = TypeVar("T")


class MissingFact(Exception):
    """The lock does not know something that a spec needs."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def ask(problems: Problems, path: Path, question: Callable[[], T]) -> T | None:
    """Look something up; a missing fact is reported at the field that needs it, and gives None."""
    try:
        return question()
    except MissingFact as missing:
        problems.error("missing-fact", missing.message, path, missing.hint)
        return None


@dataclass(frozen=True)
class Context:
    """The facts of one account and region; empty where there is no lock."""

    account: str
    region: str
    partition: str = "aws"
    facts: Facts = field(default_factory=dict, repr=False)
    asked: dict[Fact, bool] = field(default_factory=dict, repr=False, compare=False)
    """Facts that were asked for, by section and name, and whether one could not do without; `lock` reads it."""
    reasons: Mapping[Fact, tuple[str, str]] = field(default_factory=dict, repr=False, compare=False)
    """Why facts could not be looked up, with a hint."""

    def role(self, given: str | None) -> str:
        """Give the ARN of a role named in a spec, or of the default role."""
        if given is None:
            hint = "give `role`, a name or an ARN"
            return str(self._single("role", "no role is given and the lock has no default role", hint))
        if given.startswith("arn:"):
            return given
        return str(self._fact("roles", "role", given))

    def hub_model(self, name: str) -> HubModel:
        """Look up a model of the hub by its id."""
        found = self._fact("hub_models", "hub model", name)
        return HubModel(
            id=name,
            arn=found["arn"],
            gated=found["gated"],
            hub=found["hub"],
            recipes=found.get("recipes", {}),
        )

    def known_hub_model(self, name: str) -> HubModel | None:
        """A model of the hub where the lock has it: what it adds to an ARN can be done without."""
        self.asked.setdefault(("hub_models", name), False)
        return self.hub_model(name) if name in self.facts.get("hub_models", {}) else None

    def model_package(self, arn: str) -> ModelPackage:
        """Look up a model package by its ARN."""
        found = self._fact("model_packages", "model package", arn)
        return ModelPackage(
            arn=arn,
            base_model=found["base_model"],
            base_model_arn=found["base_model_arn"],
            group_arn=found["group_arn"],
        )

    def model_package_group(self, given: str) -> str:
        """Give the ARN of a model package group; an ARN stands for itself."""
        if given.startswith("arn:"):
            return given
        return str(self._fact("model_package_groups", "model package group", given))

    def agent_runtime(self, runtime_id: str) -> str:
        """Give the ARN of an AgentCore runtime named by its id."""
        return str(self._fact("agent_runtimes", "AgentCore runtime", runtime_id))

    def mlflow_app(self) -> str:
        """Give the ARN of the default MLflow app."""
        hint = "create one with `aws sagemaker create-mlflow-app`, then run `sagespec lock`, or give its ARN"
        message = "no MLflow ARN is given and the lock has no default MLflow app"
        return str(self._single("default_mlflow_app", message, hint))

    def job(self, name: str) -> FinishedJob:
        """Look up a finished AgentRFT job by its name."""
        found = self._fact("jobs", "finished AgentRFT job", name)
        return FinishedJob(
            name=name,
            output_model_package_arn=found["output_model_package_arn"],
            base_model=found["base_model"],
            base_model_arn=found["base_model_arn"],
            agent_arn=found["agent_arn"],
            agent_qualifier=found.get("agent_qualifier"),
        )

    def judge_model(self, model_id: str) -> JudgeModel:
        """Look up a judge model of Bedrock by its id."""
        found = self._fact("judge_models", "judge model", model_id)
        return JudgeModel(model_id, found["usable"], found.get("end_of_life"))

    def job_schema(self, category: str, version: str) -> dict[str, Any] | bool:
        """The locked JSON Schema of a job document; one that accepts everything where there is none."""
        self.asked["job_schemas", f"{category}/{version}"] = False
        found: dict[str, Any] | bool = self.facts.get("job_schemas", {}).get(f"{category}/{version}", True)
        return found

    def _single(self, section: str, message: str, hint: str) -> Any:
        """A fact that there is one of."""
        self.asked[section, ""] = True
        found = self.facts.get(section)
        if found is None:
            raise MissingFact(*self.reasons.get((section, ""), (message, hint)))
        return found

    def _fact(self, section: str, what: str, name: str) -> Any:
        self.asked[section, name] = True
        known = self.facts.get(section, {})
        if name in known:
            return known[name]
        if (section, name) in self.reasons:
            raise MissingFact(*self.reasons[section, name])
        near = did_you_mean(name, list(known)) if not name.startswith("arn:") else ""
        near = near if near.startswith("did you mean") else ""
        add = "run `sagespec lock` to look it up"
        raise MissingFact(f"the lock has no {what} {name!r}", f"{near} otherwise {add}" if near else add)


@dataclass(frozen=True)
class HubModel:
    """A model of the SageMaker hub, with its recipes by `<Type>/<technique or evaluation>[/<PEFT>]`."""

    id: str
    arn: str
    gated: bool
    hub: str
    recipes: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class ModelPackage:
    """A model package and the base model that it was trained from."""

    arn: str
    base_model: str
    base_model_arn: str
    group_arn: str


@dataclass(frozen=True)
class FinishedJob:
    """A finished AgentRFT job that no spec describes."""

    name: str
    output_model_package_arn: str
    base_model: str
    base_model_arn: str
    agent_arn: str
    agent_qualifier: str | None


@dataclass(frozen=True)
class JudgeModel:
    """A judge model; `usable` as of the day of locking."""

    id: str
    usable: bool
    end_of_life: str | None


@dataclass(frozen=True)
class Lock:
    """A whole lock file: facts by account and region."""

    contexts: Mapping[str, Facts]

    def context(self, account: str | None, region: str | None) -> Context:
        """Choose the context of an account and region; what is not said must leave only one.

        Raises MissingFact when there is none, or more than one.
        """
        fitting = [
            key
            for key, facts in sorted(self.contexts.items())
            if account in (None, facts["account"]) and region in (None, facts["region"])
        ]
        if len(fitting) == 1:
            facts = self.contexts[fitting[0]]
            return Context(facts["account"], facts["region"], facts["partition"], facts)
        wanted = f"{account or 'any account'}/{region or 'any region'}"
        known = ", ".join(sorted(self.contexts)) or "nothing"
        if not fitting:
            raise MissingFact(f"the lock has no context for {wanted}; it has {known}", "run `sagespec lock`")
        raise MissingFact(
            f"the lock has several contexts for {wanted}: {known}",
            "say which in `defaults` of sagespec.yaml: account and region",
        )


def load(file: str, content: bytes) -> tuple[Lock | None, list[Diagnostic]]:
    """Read a lock file.

    What is wrong with a job schema is only a warning: AWS wrote it, and documents can go unchecked.
    """
    data = _quickly(content)
    if data is not None and not list(_problems(data)):
        return Lock(data["contexts"]), []
    sources, diagnostics = source.load(file, content)
    if not diagnostics and sources:
        data, diagnostics = sources[0].data, [sources[0].locate(p) for p in _problems(sources[0].data)]
    elif not diagnostics:
        diagnostics = [source.Source(file, None, {}, {}).locate(_EMPTY)]
    return None if any(d.is_error for d in diagnostics) else Lock(data["contexts"]), diagnostics


_EMPTY = Problem("empty-file", "the file is empty")


def _problems(data: Any) -> Iterator[Problem]:
    refused = schema.validate("Lock", data)
    yield from refused
    for key, facts in () if refused else data["contexts"].items():
        said = f"{facts['account']}/{facts['region']}"
        if key != said:
            yield Problem("bad-value", f"the facts are those of {said}", ("contexts", key), on_key=True)
        for name, found in facts.get("job_schemas", {}).items():
            place = ("contexts", key, "job_schemas", name)
            for flaw in foreign.load(found).flaws:
                message = f"{flaw.message}: documents go without this check"
                yield replace(flaw, message=message, path=(*place, *flaw.path), severity="warning")


_SUSPICIOUS = re.compile(rb"\\u[dD][89a-fA-F]")
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')
_BRACKETS = b"[]{}"
_OTHERS = bytes(set(range(256)) - set(_BRACKETS))


def _quickly(content: bytes) -> Any:
    """Read JSON without places; None where it has to be read with them, to say what is wrong."""
    if _SUSPICIOUS.search(content) or not (_is_shallow(content) or _is_shallow(_STRINGS.sub(b"", content))):
        return None
    try:
        return json.loads(content, object_pairs_hook=_unique, parse_constant=_refuse)
    except ValueError:
        return None


def _is_shallow(content: bytes) -> bool:
    """Whether the brackets are nested no deeper than documents may be, and match."""
    brackets = content.translate(None, _OTHERS)
    for _ in range(MAX_DEPTH):
        if not brackets:
            return True
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return not brackets


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("duplicate keys")
    return members
