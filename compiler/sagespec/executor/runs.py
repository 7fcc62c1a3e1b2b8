"""What already exists: the job, execution or function of each compiled file, found by its identity.

In: compiled files. Out: a `Run` for each that has one. Names end in the identity, so that AWS itself is the
record of what has run, whatever the names start with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Literal

from sagespec.documents.compiled import DIGITS, Compiled, Request
from sagespec.executor import documents
from sagespec.executor.cloud import Cloud, CloudError
from sagespec.executor.files import File, InvalidFiles

State = Literal["running", "done", "failed"]
THREADS = 8
FIRST_PAGES = 4

_DONE = {"Completed", "Succeeded", "Active", "Inactive"}  # Lambda calls a function inactive that is only idle
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


_NAMES = {
    "CreateFunction": "FunctionName",
    "CreateJob": "JobName",
    "CreateTrainingJob": "TrainingJobName",
    "StartPipelineExecution": "PipelineExecutionDisplayName",
}
_END = re.compile(rf"-[0-9a-f]{{{DIGITS}}}")
"""What the names of our runs end in."""


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


def main_request(file: File) -> Request | None:
    """The request that makes a file's run: its last one; None for a file that only others use."""
    return file.requests[-1] if file.requests else None


def suffix(compiled: Compiled) -> str:
    """What the name of the run ends in."""
    return f"-{compiled.identity[:DIGITS]}"


def is_earlier(file: File, name: str) -> bool:
    """Whether a name is that of a run of the same spec, with another identity."""
    base, end = _base(file), name[-(DIGITS + 1) :]
    return name == base + end and bool(_END.fullmatch(end)) and end != suffix(file.content)


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
        request = main_request(file)
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


def check_account(cloud: Cloud, files: Iterable[File]) -> None:
    """Refuse files of another account than the caller's: nothing of theirs could be found here.

    Raises InvalidFiles, CloudError.
    """
    accounts = {file.content.account: file.content.region for file in files}
    caller = cloud.account(min(accounts.values())) if accounts else ""
    if wrong := sorted(accounts.keys() - {caller}):
        raise InvalidFiles(f"compiled for account {', '.join(wrong)}, but the caller is in {caller}")


def with_reasons(cloud: Cloud, files: Mapping[str, File], found: Found) -> Found:
    """Add why runs have failed: lists do not say."""
    silent = {a: run for a, run in found.runs.items() if run.state == "failed" and not run.reason}
    with ThreadPoolExecutor(THREADS) as pool:
        told = pool.map(lambda a: _described(cloud, files[a], silent[a]), silent)
        return replace(found, runs={**found.runs, **dict(zip(silent, told, strict=True))})


def _described(cloud: Cloud, file: File, run: Run) -> Run:
    """A run in full, or as it was listed where it cannot be looked at any more."""
    try:
        return describe(cloud, file, run)
    except CloudError as error:
        if error.is_missing:
            return run
        raise


def _keep(address: str, found: Run, members: Sequence[File], runs: dict[str, Run], earlier: dict[str, str]) -> None:
    file = next(f for f in members if f.address == address)
    if found.name.endswith(suffix(file.content)):
        runs[address] = found
    else:
        earlier.setdefault(address, found.name)


def _jobs(
    cloud: Cloud, operation: str, category: str, region: str, files: Sequence[File]
) -> Iterator[tuple[str, Run]]:
    """Find jobs by pages of 100, or one by one, whichever takes fewer requests.

    After the first pages, how many there may be in all is guessed from both ends of the list.
    """
    listing, key, name, _, _ = _LISTS[operation]
    fixed = {"JobCategory": category} if category else {}
    waiting = {suffix(file.content): file for file in files}
    bases = {_base(file): file for file in files}
    pages = cloud.pages("sagemaker", listing, key, region, MaxResults=100, **fixed)
    newest: Any = None
    for number, page in enumerate(pages, 1):
        for summary in page:
            file = waiting.pop(summary[name][-(DIGITS + 1) :], None)
            if file is not None:
                yield file.address, _summarised(operation, summary)
                continue
            file = bases.get(summary[name][: -(DIGITS + 1)])
            if file is not None and is_earlier(file, summary[name]):
                yield file.address, _summarised(operation, summary)
        if not waiting:
            return
        newest = newest or (page[0]["CreationTime"] if page else None)
        if len(files) < FIRST_PAGES:
            break
        if number == FIRST_PAGES and len(waiting) <= _pages_left(cloud, operation, region, fixed, newest, page):
            break
    else:
        return
    rest = list(waiting.values())
    with ThreadPoolExecutor(THREADS) as pool:
        look = partial(_search, cloud, operation, fixed)
        for file, summaries in zip(rest, pool.map(look, rest), strict=True):
            for summary in summaries:
                yield file.address, _summarised(operation, summary)


def _pages_left(
    cloud: Cloud, operation: str, region: str, fixed: Mapping[str, Any], newest: datetime, page: Sequence[Any]
) -> float:
    """Guess how many pages follow the first ones, from how close together the jobs at both ends are."""
    listing, key = _LISTS[operation][:2]
    parameters = {**fixed, "SortBy": "CreationTime", "SortOrder": "Ascending", "MaxResults": 100}
    oldest = cloud.call("sagemaker", listing, region, **parameters)[key]
    if not page or not oldest:
        return 1
    here, there = page[-1]["CreationTime"], oldest[-1]["CreationTime"]
    gap = (here - there).total_seconds()
    spans = ((newest - here).total_seconds() / FIRST_PAGES, (there - oldest[0]["CreationTime"]).total_seconds())
    return 1 + sum(gap / max(seconds, 0.001) for seconds in spans) / len(spans) if gap > 0 else 1


def _search(cloud: Cloud, operation: str, fixed: Mapping[str, Any], file: File) -> list[dict[str, Any]]:
    """Search one file's job by its identity, and where there is none, the newest one before it by its name."""
    listing, key, name, _, _ = _LISTS[operation]
    for contains in (suffix(file.content), _base(file)):
        parameters = {**fixed, "NameContains": contains, "MaxResults": 100}
        listed: list[dict[str, Any]] = cloud.call("sagemaker", listing, file.content.region, **parameters)[key]
        for summary in listed:
            if summary[name].endswith(suffix(file.content)) or is_earlier(file, summary[name]):
                return [summary]
    return []


def _base(file: File) -> str:
    """What the name of the run begins with, whatever the identity."""
    request = main_request(file)
    text: str = request.parameters[_NAMES[request.operation]] if request else ""
    return text[: -(DIGITS + 1)]


def _summarised(operation: str, summary: Mapping[str, Any]) -> Run:
    _, _, name, arn, status = _LISTS[operation]
    return Run(summary[name], summary[arn], summary[status], details=summary)


def _execution(cloud: Cloud, file: File) -> tuple[Run | None, str]:
    """Find an evaluation's execution among those of its pipeline."""
    request = main_request(file)
    pipeline = request.parameters["PipelineName"] if request else ""
    before = ""
    try:
        key = "PipelineExecutionSummaries"
        parameters = {"PipelineName": pipeline, "MaxResults": 100}
        for page in cloud.pages("sagemaker", "ListPipelineExecutions", key, file.content.region, **parameters):
            for summary in page:
                name = summary.get("PipelineExecutionDisplayName", "")
                if name.endswith(suffix(file.content)):
                    return _execution_run(summary), ""
                if not before and is_earlier(file, name):
                    before = summary["PipelineExecutionArn"]
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
    request = main_request(file)
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


def describe(cloud: Cloud, file: File, run: Run) -> Run:
    """Look at one run in full, as its own Describe operation shows it."""
    request, region = main_request(file), file.content.region
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
    """What a run offers so far to the specs that depend on it, by `<address>.<Field>`."""
    found = describe(cloud, file, run).details
    if "JobConfigDocument" in found:
        service = documents.read(found["JobConfigDocument"], "JobConfigDocument").get("ServiceOutput")
        return {f"{file.address}.{f}": value for f, value in (service if isinstance(service, dict) else {}).items()}
    return {f"{file.address}.{field}": value for field, value in found.items() if isinstance(value, str)}
