"""Torchrun: starting processes by torchrun, as a separate spec that trainers refer to."""

from __future__ import annotations

from sagespec.diagnostics import Problems
from sagespec.documents.compiled import Request
from sagespec.sagemaker import distributed
from sagespec.sagemaker.distributed import Config
from sagespec.sagemaker.exports import Exports
from sagespec.sagemaker.inputs import Inputs


def resolve(inputs: Inputs, problems: Problems) -> Config:
    config = distributed.of_kind(inputs.spec.kind, inputs.fields)
    distributed.check(config, problems)
    return config


def requests(inputs: Inputs, facts: Config) -> list[Request]:  # noqa: ARG001  the kind has no requests of its own
    return []


def exports(inputs: Inputs, facts: Config) -> Exports:  # noqa: ARG001  the protocol of kinds
    return Exports(config=facts)
