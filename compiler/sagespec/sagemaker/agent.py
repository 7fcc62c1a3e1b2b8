"""Resolve `agent_env` and `agent_config`: an AgentCore runtime or a Lambda function."""

from __future__ import annotations

from typing import NamedTuple

from sagespec import arn
from sagespec.diagnostics import Problems
from sagespec.documents.traced import Traced
from sagespec.project.facts import Context, ask


class Agent(NamedTuple):
    """The ARN of an agent; `qualifier` only for an AgentCore runtime."""

    arn: Traced
    is_lambda: bool
    qualifier: Traced | None = None


def find(
    given: Traced,
    qualifier: Traced,
    context: Context,
    problems: Problems,
    function: Traced | None = None,
    default: str | None = None,
) -> Agent | None:
    """Look up the agent that a field names; `function` is the ARN of the function that a ref refers to.

    `default` is the qualifier of a runtime where none is given. Reports a missing fact at the field and returns None.
    """
    agent = _find(given, choose(qualifier, default), context, problems, function)
    if agent is not None and agent.is_lambda and qualifier:
        problems.warn("no-effect", "a Lambda agent has no qualifier", qualifier.path, on_key=True)
    return agent


def choose(qualifier: Traced, default: str | None) -> Traced | None:
    """Return the qualifier to send: the given one, else the default; None where it is empty."""
    chosen = qualifier if qualifier.given else qualifier.to(default)
    return chosen if chosen else None


def _find(
    given: Traced, qualifier: Traced | None, context: Context, problems: Problems, function: Traced | None
) -> Agent | None:
    if not given:
        return None
    if function is not None:
        return Agent(given.to(function.value), is_lambda=True)
    parsed = arn.parse(given.value)
    if parsed is not None:
        is_lambda = parsed.service == "lambda"
        return Agent(given, is_lambda, None if is_lambda else qualifier)
    runtime = ask(problems, given.path, lambda: context.agent_runtime(given.value))
    return None if runtime is None else Agent(given.to(runtime), is_lambda=False, qualifier=qualifier)
