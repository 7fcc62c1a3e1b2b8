"""Processor: one CreateProcessingJob."""

from __future__ import annotations

from sagespec.diagnostics import Problems
from sagespec.documents import names
from sagespec.documents.compiled import Request
from sagespec.documents.render import render
from sagespec.documents.traced import Traced
from sagespec.sagemaker.inputs import Inputs


def resolve(inputs: Inputs, problems: Problems) -> Traced | None:
    return inputs.role(problems)


def requests(inputs: Inputs, facts: Traced) -> list[Request]:
    parameters = render("Processor", spec=inputs.fields, role=facts)
    parameters["ProcessingJobName"] = names.ending_in_identity(inputs.qualified_name, names.JOB_LIMIT)
    if tags := inputs.tags():
        parameters["Tags"] = tags
    return [Request("job", "sagemaker", "CreateProcessingJob", parameters)]
