"""The values that a spec gives to those that refer to it: the only interface between kinds."""

from __future__ import annotations

from dataclasses import dataclass

from sagespec.documents.traced import Traced
from sagespec.sagemaker.agent import Agent
from sagespec.sagemaker.distributed import Config
from sagespec.sagemaker.model import Model


@dataclass(frozen=True)
class Exports:
    """The values of a resolved spec for its dependents; None for what its kind does not have.

    `model` is what a training makes and `agent` what it is trained with, `function` the ARN of a Lambda function or
    the output that becomes one, `config` how processes are started. `output_path` is where a job writes straight
    below, `function_name` a name that the author chose: no two specs may have the same.
    """

    model: Model | None = None
    agent: Agent | None = None
    function: Traced | None = None
    config: Config | None = None
    output_path: Traced | None = None
    function_name: Traced | None = None
