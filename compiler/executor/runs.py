"""What already exists: the job, execution or function of each compiled file, found by its identity.

In: compiled files. Out: a `Run` for each that has one. Names end in the identity, so that AWS itself is the
record of what has run, whatever the names start with.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from compiler.compiled import DIGITS, Compiled, Request
from compiler.executor.cloud import Cloud, CloudError
from compiler.executor.files import File

State = Literal["running", "done", "failed"]
THREADS = 8

_DONE = {"Completed", "Succeeded", "Active"}
_FAILED = {"Failed", "Stopped", "CompletedWithFailures", "DeleteFailed", "Deleting"}

_LISTS = {
    "CreateJob": ("ListJobs", "JobSummaries", "JobName", "JobArn", "JobStatus"),
    "CreateTrainingJob": (
        "ListTrainingJobs",
        "TrainingJobSummaries",
        "TrainingJobName",
        "TrainingJobArn",
        "TrainingJobStatus",
    ),
}


@dataclass(frozen=True)
class Run:
    """A job, execution or function as AWS shows it; unknown statuses count as running."""

    name: str
    arn: str
    status: str
    reason: str = ""
    details: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def state(self) -> State:
        return state_of(self.status)


def state_of(status: str) -> State:
    """What a status of a job, an execution or a function comes to."""
    return "done" if status in _DONE else "failed" if status in _FAILED else "running"


def main_request(compiled: Compiled) -> Request | None:
    """The request that makes a file's run: its last one; None for a file that only others use."""
    return compiled.requests[-1] if compiled.requests else None


def suffix(compiled: Compiled) -> str:
    """What the name of the run ends in."""
    return f"-{compiled.identity[:DIGITS]}"


@dataclass(frozen=True)
class Found:
    """The runs of files by address, and by the same addresses what ran there before under other identities."""

    runs: Mapping[str, Run] = field(default_factory=dict)
    earlier: Mapping[str, str] = field(default_factory=dict)


def find(cloud: Cloud, files: Iterable[File]) -> Found:
    """Find the runs of files with as few requests as it takes."""
    runs: dict[str, Run] = {}
    earlier: dict[str, str] = {}
    groups: dict[tuple[str, str, str], list[File]] = {}
    for file in files:
        request = main_request(file.content)
        if request is not None:
            category = request.parameters.get("JobCategory", "")
            groups.setdefault((request.operation, category, file.content.region), []).append(file)
    for (operation, category, region), members in sorted(groups.items()):
        if operation in _LISTS:
            for address, found in _jobs(cloud, operation, category, region, members):
                _keep(address, found, members, runs, earlier)
        else:
            find_one = partial(_execution if operation == "StartPipelineExecution" else _function, cloud)
            with ThreadPoolExecutor(THREADS) as pool:
                for file, (run, before) in zip(members, pool.map(find_one, members), strict=True):
                    if run is not None:
                        runs[file.address] = run
                    elif before:
                        earlier[file.address] = before
    return Found(runs, earlier)


def _keep(address: str, found: Run, members: Sequence[File], runs: dict[str, Run], earlier: dict[str, str]) -> None:
    file = next(f for f in members if f.address == address)
    if found.name.endswith(suffix(file.content)):
        runs[address] = found
    else:
        earlier.setdefault(address, found.name)


def _jobs(
    cloud: Cloud, operation: str, category: str, region: str, files: Sequence[File]
) -> Iterator[tuple[str, Run]]:
    """Find jobs by pages of 100 as long as that pays, then one by one.

    Pages are cheap for many files, single look-ups for few: each page read must promise more than it costs.
    """
    listing, key, name, _, _ = _LISTS[operation]
    fixed = {"JobCategory": category} if category else {}
    waiting = {suffix(file.content): file for file in files}
    bases = {_base(file): file for file in files}
    exhausted = True
    for number, page in enumerate(cloud.pages("sagemaker", listing, key, region, MaxResults=100, **fixed), 1):
        for summary in page:
            file = waiting.pop(summary[name][-(DIGITS + 1) :], None)
            if file is not None:
                yield file.address, _summarised(operation, summary)
            elif (base := summary[name][: -(DIGITS + 1)]) in bases:
                yield bases[base].address, _summarised(operation, summary)
        if not waiting:
            return
        if number >= max(3, len(waiting) // 8) and len(page) == 100:
            exhausted = False
            break
    if exhausted:
        return

    def look(file: File) -> list[dict[str, Any]]:
        contains = suffix(file.content)
        parameters = {"NameContains": contains, "MaxResults": 100, **fixed}
        found: list[dict[str, Any]] = cloud.call("sagemaker", listing, region, **parameters).get(key, [])
        return [s for s in found if s[name].endswith(contains)]

    rest = list(waiting.values())
    with ThreadPoolExecutor(THREADS) as pool:
        for file, summaries in zip(rest, pool.map(look, rest), strict=True):
            for summary in summaries:
                yield file.address, _summarised(operation, summary)


def _base(file: File) -> str:
    request = main_request(file.content)
    name = {"CreateJob": "JobName", "CreateTrainingJob": "TrainingJobName"}
    text: str = request.parameters[name[request.operation]] if request else ""
    return text[: -(DIGITS + 1)]


def _summarised(operation: str, summary: Mapping[str, Any]) -> Run:
    _, _, name, arn, status = _LISTS[operation]
    return Run(summary[name], summary[arn], summary[status], details=summary)


def _execution(cloud: Cloud, file: File) -> tuple[Run | None, str]:
    """Find an evaluation's execution among those of its pipeline."""
    request = main_request(file.content)
    pipeline = request.parameters["PipelineName"] if request else ""
    before = ""
    try:
        key = "PipelineExecutionSummaries"
        parameters = {"PipelineName": pipeline, "MaxResults": 100}
        for page in cloud.pages("sagemaker", "ListPipelineExecutions", key, file.content.region, **parameters):
            for summary in page:
                if summary.get("PipelineExecutionDisplayName", "").endswith(suffix(file.content)):
                    return _execution_run(summary), ""
                before = before or summary["PipelineExecutionArn"]
    except CloudError as error:
        if not error.is_missing:
            raise
    return None, before


def _execution_run(summary: Mapping[str, Any]) -> Run:
    return Run(
        name=summary["PipelineExecutionDisplayName"],
        arn=summary["PipelineExecutionArn"],
        status=summary["PipelineExecutionStatus"],
        reason=summary.get("PipelineExecutionFailureReason", ""),
        details=summary,
    )


def _function(cloud: Cloud, file: File) -> tuple[Run | None, str]:
    request = main_request(file.content)
    name = request.parameters["FunctionName"] if request else ""
    try:
        answer = cloud.call("lambda", "GetFunction", file.content.region, FunctionName=name)
    except CloudError as error:
        if error.is_missing:
            return None, ""
        raise
    configuration = answer["Configuration"]
    status = configuration.get("State", "Active")
    reason = configuration.get("StateReason", "")
    return Run(name, configuration["FunctionArn"], status, reason, details=configuration), ""


def other_function(parameters: Mapping[str, Any], run: Run) -> str | None:
    """Say why an existing function is not the one that is wanted; a running agent is never changed."""
    code = parameters["Code"].get("ZipFile")
    found = run.details
    if code is not None and base64.b64encode(hashlib.sha256(code).digest()).decode() != found["CodeSha256"]:
        return f"a function {run.name} exists with other code; a running agent is never changed"
    for member in ("Handler", "MemorySize", "Role", "Runtime", "Timeout"):
        if found.get(member) != parameters.get(member):
            return f"a function {run.name} exists with another {member}; a running agent is never changed"
    return None


def describe(cloud: Cloud, file: File, run: Run) -> Run:
    """Look at one run in full, as its own Describe operation shows it."""
    request, region = main_request(file.content), file.content.region
    operation = request.operation if request else ""
    if operation == "CreateJob" and request:
        category = request.parameters["JobCategory"]
        found = cloud.call("sagemaker", "DescribeJob", region, JobName=run.name, JobCategory=category)
        return Run(run.name, run.arn, found["JobStatus"], found.get("FailureReason", ""), found)
    if operation == "CreateTrainingJob":
        found = cloud.call("sagemaker", "DescribeTrainingJob", region, TrainingJobName=run.name)
        return Run(run.name, run.arn, found["TrainingJobStatus"], found.get("FailureReason", ""), found)
    if operation == "StartPipelineExecution":
        found = cloud.call("sagemaker", "DescribePipelineExecution", region, PipelineExecutionArn=run.arn)
        return Run(run.name, run.arn, found["PipelineExecutionStatus"], found.get("FailureReason", ""), found)
    again, _ = _function(cloud, file)
    return again or run


def outputs(cloud: Cloud, file: File, run: Run) -> dict[str, Any]:
    """What a finished run offers to the specs that depend on it, by `<address>.<Field>`."""
    found = describe(cloud, file, run).details
    if "JobConfigDocument" in found:
        service: dict[str, Any] = json.loads(found["JobConfigDocument"]).get("ServiceOutput", {})
        return {f"{file.address}.{field}": value for field, value in service.items()}
    return {f"{file.address}.{field}": value for field, value in found.items() if isinstance(value, str)}
