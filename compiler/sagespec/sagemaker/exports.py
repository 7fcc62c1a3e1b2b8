"""The values that a spec offers to its dependents: the only interface between kinds."""

from __future__ import annotations

from typing import NamedTuple

from sagespec.documents.traced import Traced
from sagespec.sagemaker.agent import Agent
from sagespec.sagemaker.distributed import Config
from sagespec.sagemaker.model import Model


class Exports(NamedTuple):
    """The values of a resolved spec for its dependents; None for what its kind does not have.

    `model` is the result of a training, `agent` the agent of the training, `function` the ARN of a Lambda function or
    the output that becomes one, `config` how processes are started. `output_path` is the path directly below which a
    job writes, `function_name` a name that the author chose: two specs must not have the same. `artifacts` is the
    output that becomes the S3 URI of the model artifacts of a training.
    """

    model: Model | None = None
    agent: Agent | None = None
    function: Traced | None = None
    config: Config | None = None
    output_path: Traced | None = None
    function_name: Traced | None = None
    artifacts: Traced | None = None
