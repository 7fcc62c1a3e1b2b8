"""Facts that only AWS knows, of one account and region.

In: the facts of a lock as data. Out: a fact at a time, typed, through a `Context`, which records what was asked for.
A missing fact raises `MissingFact`, which `ask` converts to a problem at the field that needs the fact.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from sagespec import arn
from sagespec.diagnostics import Hint, KeyPath, Problems, nearest

Facts = Mapping[str, Any]
Fact = tuple[str, str]
"""A section of a context and a name in it; the name is '' where the section is a single fact."""
T = TypeVar("T")


class Reason(NamedTuple):
    """Why a fact could not be looked up: it does not exist, or, where `refused`, AWS did not answer."""

    message: str
    hint: str = ""
    refused: bool = False


class MissingFact(Exception):
    """A fact that is not in the lock; `reason` is the result of looking it up, if that was tried."""

    def __init__(self, message: str, hint: str = "", reason: Reason | None = None) -> None:
        super().__init__(message)
        self.message, self.hint, self.reason = message, hint, reason


def ask(problems: Problems, path: KeyPath, question: Callable[[], T], *, needed: bool = True) -> T | None:
    """Look a fact up; report a missing one at the field that asks, and return None.

    Where the fact is not `needed`, its absence in AWS is only a warning.
    """
    try:
        return question()
    except MissingFact as missing:
        if missing.reason is not None and missing.reason.refused:
            problems.error("refused-fact", missing.message, path, missing.hint)
        elif needed:
            problems.error("missing-fact", missing.message, path, missing.hint)
        elif missing.reason is not None:
            problems.warn("missing-fact", missing.message, path, missing.hint)
        return None


@dataclass(frozen=True)
class Context:
    """The facts of one account and region; empty without a lock."""

    account: str
    region: str
    partition: str = "aws"
    facts: Facts = field(default_factory=dict, repr=False)
    asker: str = field(default="", repr=False, compare=False)
    """The address of the spec that asks."""
    asked: dict[Fact, set[str]] = field(default_factory=dict, repr=False, compare=False)
    """Requested facts with the addresses that asked; the command `lock` reads it."""
    reasons: Mapping[Fact, Reason] = field(default_factory=dict, repr=False, compare=False)
    """Why facts could not be looked up."""

    def role(self, given: str | None) -> str:
        """Return the ARN of a role by name or ARN, or of the default role.

        Raises MissingFact, as do the other methods except `find`.
        """
        if given is None:
            hint = "give `role`, a name or an ARN"
            return str(self._single("role", "no role is given and the lock has no default role", hint))
        if given.startswith("arn:"):
            return given
        return str(self._named("roles", "role", given))

    def hub_model(self, given: str) -> HubModel:
        """Look up a hub model by its id, or by an ARN in that hub and of that version."""
        fact = self._named("hub_models", "hub model", given)
        return HubModel(
            id=kept_as(("hub_models", given)),
            arn=fact["arn"],
            gated=fact["gated"],
            hub=fact["hub"],
            recipes=fact.get("recipes", {}),
            data_mixing=fact.get("data_mixing", {}),
        )

    def model_package(self, arn: str) -> ModelPackage:
        """Look up a model package by its ARN."""
        fact = self._named("model_packages", "model package", arn)
        return ModelPackage(
            arn=arn,
            base_model=fact["base_model"],
            base_model_arn=fact["base_model_arn"],
            group_arn=fact["group_arn"],
        )

    def model_package_group(self, given: str) -> str:
        """Return the ARN of a model package group; an ARN is returned unchanged."""
        if given.startswith("arn:"):
            return given
        return str(self._named("model_package_groups", "model package group", given))

    def agent_runtime(self, runtime_id: str) -> str:
        """Return the ARN of an AgentCore runtime by its id."""
        return str(self._named("agent_runtimes", "AgentCore runtime", runtime_id))

    def mlflow_app(self) -> str:
        """Return the ARN of the default MLflow app."""
        hint = "create one with `aws sagemaker create-mlflow-app`, then run `sagespec lock`, or give its ARN"
        message = "no MLflow ARN is given and the lock has no default MLflow app"
        return str(self._single("default_mlflow_app", message, hint))

    def mlflow_version(self) -> str:
        """Return the version of the default MLflow app; a text without digits where AWS does not tell it."""
        return str(self._single("default_mlflow_version", "the lock has no version of the default MLflow app", ""))

    def code(self, uri: str) -> str:
        """Return the text of an object in S3 that contains a function's code."""
        return str(self._named("code", "code", uri))

    def job(self, name: str) -> FinishedJob:
        """Look up a finished AgentRFT or fine-tuning job by its name; where both have it, nothing says which."""
        facts = [(section, name) for section in FINISHED_JOBS]
        for fact in facts:
            self.asked.setdefault(fact, set()).add(self.asker)
        jobs = [job for fact in facts if (job := self.find(fact)) is not None]
        if len(jobs) > 1:
            hint = "give the ARN of its output model package"
            raise MissingFact(f"{name!r} is the name of an AgentRFT job and of a fine-tuning job", hint)
        if not jobs:
            raise self._without_job(name, [reason for fact in facts if (reason := self.reasons.get(fact))])
        (job,) = jobs
        return FinishedJob(
            name=name,
            output_model_package_arn=job["output_model_package_arn"],
            base_model=job["base_model"],
            base_model_arn=job["base_model_arn"],
            agent_arn=job.get("agent_arn"),
            agent_qualifier=job.get("agent_qualifier"),
        )

    def is_known_otherwise(self, fact: Fact) -> bool:
        """Return whether another section has the fact: a job is in one of several."""
        section, name = fact
        return section in FINISHED_JOBS and any(self.find((other, name)) is not None for other in FINISHED_JOBS)

    def _without_job(self, name: str, reasons: Sequence[Reason]) -> MissingFact:
        """Return why no job of a name is known; a refusal of AWS takes precedence."""
        if not reasons:
            return MissingFact(*self._unlocked(FINISHED_JOBS[0], "finished job", name))
        first = min(reasons, key=lambda reason: not reason.refused)
        message = first.message if first.refused else "; ".join(reason.message for reason in reasons)
        return MissingFact(message, first.hint, first)

    def evaluator(self, given: str) -> Evaluator:
        """Look up a reward function or prompt of the registry by its ARN, or by its name."""
        fact = self._named("evaluators", "evaluator", given)
        key = self.key(("evaluators", given))
        return Evaluator(key, fact["name"], fact["type"], fact.get("reference"))

    def judge_model(self, model_id: str) -> JudgeModel:
        """Look up a judge model of Bedrock by its id."""
        fact = self._named("judge_models", "judge model", model_id)
        return JudgeModel(model_id, fact["usable"], fact.get("end_of_life"))

    def job_schema(self, category: str, version: str) -> dict[str, Any]:
        """Look up the JSON Schema of a job document."""
        fact: dict[str, Any] = self._named("job_schemas", "job schema", f"{category}/{version}")
        return fact

    def find(self, fact: Fact) -> Any:
        """Return a fact as it is in the lock, or None."""
        section, name = fact
        facts = self.facts.get(section)
        if not name or not facts:
            return facts or None
        known, content = facts.get(self.key(fact)), arn.hub_content(name)
        if known is None or content is None or section != "hub_models":
            return known
        version = arn.hub_content(known["arn"])
        is_it = known["hub"] == content.hub and content.version in ("", version.version if version else "")
        return known if is_it else None

    def key(self, fact: Fact) -> str:
        """Return the key of a fact in its section; an evaluator that is given by name has its ARN."""
        section, name = fact
        if section != "evaluators" or name.startswith("arn:"):
            return kept_as(fact)
        kept = self.facts.get(section, {})
        return next((key for key in sorted(kept) if kept[key]["name"] == name), name)

    def _single(self, section: str, message: str, hint: str) -> Any:
        """Return the fact of a section that has only one."""
        return self._ask((section, ""), lambda: (message, hint), hint)

    def _named(self, section: str, what: str, name: str) -> Any:
        return self._ask((section, name), lambda: self._unlocked(section, what, name))

    def _ask(self, fact: Fact, unlocked: Callable[[], tuple[str, str]], hint: str = "") -> Any:
        self.asked.setdefault(fact, set()).add(self.asker)
        known = self.find(fact)
        if known is not None:
            return known
        reason = self.reasons.get(fact)
        if reason is not None:
            raise MissingFact(reason.message, reason.hint or hint, reason)
        raise MissingFact(*unlocked())

    def _unlocked(self, section: str, what: str, name: str) -> tuple[str, str]:
        near = nearest(name, self.facts.get(section, {})) if not name.startswith("arn:") else Hint()
        add = "run `sagespec lock` to look it up"
        return f"the lock has no {what} {name!r}", near.saying(f"{near} otherwise {add}") if near else add


FINISHED_JOBS = ("jobs", "training_jobs")
"""Where finished jobs are: those of agents, and those of fine-tuning."""
MLFLOW_OF_MTRL = "3.10"
"""The lowest MLflow version that MTRL accepts. Source: the SDK."""


def is_older(version: str, least: str) -> bool:
    """Compare versions by their numbers; a version without numbers is not older."""
    numbers, wanted = ([int(n) for n in re.findall(r"[0-9]{1,9}", text)] for text in (version, least))
    return bool(numbers) and numbers < wanted


def kept_as(fact: Fact) -> str:
    """Return the name of a fact in the lock: the model's name for a hub model that is given by ARN."""
    section, name = fact
    content = arn.hub_content(name) if section == "hub_models" else None
    return name if content is None else content.name


class HubModel(NamedTuple):
    """A model of the SageMaker hub, with its recipes by `<Type>/<technique or evaluation>[/<PEFT>[/<length>]]`.

    `data_mixing` has the default percents of Nova data by category, by modality (`text`, `multimodal`).
    """

    id: str
    arn: str
    gated: bool
    hub: str
    recipes: Mapping[str, Any]
    data_mixing: Mapping[str, Mapping[str, float]]


class ModelPackage(NamedTuple):
    """A model package with the base model that it was trained from."""

    arn: str
    base_model: str
    base_model_arn: str
    group_arn: str


class FinishedJob(NamedTuple):
    """A finished AgentRFT job without a spec."""

    name: str
    output_model_package_arn: str
    base_model: str
    base_model_arn: str
    agent_arn: str | None
    agent_qualifier: str | None


class Evaluator(NamedTuple):
    """A reward function or prompt of the registry; `reference` is the ARN of a function, or the URI of a prompt."""

    arn: str
    name: str
    type: str
    reference: str | None


class JudgeModel(NamedTuple):
    """A judge model; `usable` tells whether it was on the day of locking."""

    id: str
    usable: bool
    end_of_life: str | None
