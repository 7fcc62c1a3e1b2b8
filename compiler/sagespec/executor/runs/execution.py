"""Executions of pipelines: evaluations, those that the SDK has started included.

An execution is pinned to the version of the pipeline that was compiled. A token makes starting it idempotent,
whatever eventually consistent reads say.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from sagespec.documents.compiled import Request
from sagespec.executor import concurrently, documents, resources
from sagespec.executor.answers import at, rely_on
from sagespec.executor.cloud import Cloud, CloudError
from sagespec.executor.differences import differences
from sagespec.executor.files import File
from sagespec.executor.runs import definition, job, streams, training_job
from sagespec.executor.runs.entries import Entry, Filter
from sagespec.executor.runs.run import NotOurs, Run, Target, is_earlier, main_request, state_of, suffix
from sagespec.executor.runs.status import Status, Step, mapping
from sagespec.executor.runs.streams import Place
from sagespec.executor.submission import Answer, Refused, Submission
from sagespec.executor.verified import Verified
from sagespec.project.settings import Project

NAME = "execution"
OPERATION = "StartPipelineExecution"
TAGGED = "CreatePipeline"
MEMBER = "PipelineExecutionDisplayName"
ACTION: Final = "start"
AGAIN = "AWS remembers its start for a while: raise metadata.run to run the same content again"
BEGUN = "Executing"
STATUSES = frozenset({"Executing", "Stopping", "Stopped", "Failed", "Succeeded", "CompletedWithFailures"})
MOST_NAMED = 20
"""The most foreign executions that an error names, because each is looked up."""
_PREFIX = "SagemakerEvaluation"
_ARN = re.compile(r"arn:[^:]+:sagemaker:(?P<region>[^:]+):\d+:pipeline/(?P<name>[^/]+)/execution/[^/]+")
_SUMMARIES = "PipelineExecutionSummaries"
_DEFINITION = "PipelineDefinition"
rely_on(
    {
        "DeletePipeline": (),
        "DescribePipelineDefinitionForExecution": ("PipelineDefinition",),
        "DescribePipelineExecution": ("PipelineArn", "PipelineExecutionStatus"),
        "ListPipelineExecutionSteps": ("PipelineExecutionSteps.StepName", "PipelineExecutionSteps.StepStatus"),
        "ListPipelineExecutions": (
            "PipelineExecutionSummaries.PipelineExecutionArn",
            "PipelineExecutionSummaries.PipelineExecutionDisplayName?",
            "PipelineExecutionSummaries.PipelineExecutionStatus",
            "PipelineExecutionSummaries.StartTime",
        ),
        "StartPipelineExecution": ("PipelineExecutionArn",),
        "StopPipelineExecution": (),
    }
)


def submit(s: Submission, request: Request, parameters: dict[str, Any], known: Mapping[str, Any]) -> Answer:
    name = parameters[MEMBER]
    pinned = {**parameters, "PipelineVersionId": known["requests.pipeline.Version"]}

    def start() -> str:  # the pipeline exists, even if the service does not find it yet
        return str(s.call("sagemaker", OPERATION, **pinned)["PipelineExecutionArn"])

    def find_again() -> Run | None:
        return next(
            (run for _, run in find(s.cloud, s.region, [s.file]) if run.name.endswith(suffix(s.file.content))), None
        )

    try:
        arn = s.seen(request, name, start)
        # AWS may repeat the answer for a deleted execution; only what is shown exists
        word, run = "started", s.seen(request, name, lambda: _shown(s, name, str(arn)))
    except CloudError as error:
        if not error.is_token_mismatch:
            raise
        # the token was used with another version: another apply was first, or all was deleted since
        word, run = "kept", s.seen(request, name, find_again)
    if run is None:
        message = f"AWS says that it has started {name}, and has shown nothing of it for minutes: it was deleted"
        raise Refused(f"{message}, and AWS remembers its start for a while; raise metadata.run to run it once more")
    return word, {"Run": run}


def _shown(s: Submission, name: str, arn: str) -> Run | None:
    described = s.shelf.look("sagemaker", "DescribePipelineExecution", PipelineExecutionArn=arn)
    return None if described is None else _run(name, arn, described)


def _run(name: str, arn: str, described: Mapping[str, Any]) -> Run:
    return Run(name, arn, described["PipelineExecutionStatus"], described.get("FailureReason", ""), described)


def find(cloud: Cloud, _region: str, files: Sequence[File]) -> Iterator[tuple[File, Run]]:
    for file, runs in zip(files, concurrently.ask(partial(_find_one, cloud), files), strict=True):
        yield from ((file, run) for run in runs)


def _find_one(cloud: Cloud, file: File) -> list[Run]:
    """Find the execution of an evaluation's identity among its pipeline's, else those of others, the newest first."""
    request = main_request(file)
    before: list[Run] = []
    try:
        for summary in _executions(cloud, request.parameters["PipelineName"] if request else "", file.content.region):
            name = summary.get(MEMBER, "")
            if name.endswith(suffix(file.content)):
                return [_summarised(summary)]
            if is_earlier(file, MEMBER, name):
                before.append(_summarised(summary))
    except CloudError as error:
        if not error.is_missing:
            raise
    return before


def _executions(cloud: Cloud, pipeline: str, region: str | None = None, **given: Any) -> Iterator[dict[str, Any]]:
    parameters = {"PipelineName": pipeline, "MaxResults": 100, **given}
    for page in cloud.pages("sagemaker", "ListPipelineExecutions", _SUMMARIES, region, **parameters):
        yield from page


def _summarised(summary: Mapping[str, Any]) -> Run:
    return Run(
        name=summary[MEMBER],
        arn=summary["PipelineExecutionArn"],
        status=summary["PipelineExecutionStatus"],
        reason=summary.get("PipelineExecutionFailureReason", ""),
        details=summary,
    )


def target(file: File, run: Run) -> Target:
    return Target(NAME, run.name, run.arn, region=file.content.region, file=file)


def of_arn(text: str) -> Target | None:
    match = _ARN.fullmatch(text)
    return Target(NAME, match["name"], text, region=match["region"]) if match else None


def shown(cloud: Cloud, target: Target) -> Target | None:
    try:
        described = cloud.call(
            "sagemaker", "DescribePipelineExecution", target.region, PipelineExecutionArn=target.arn
        )
    except CloudError as error:
        if error.is_missing:
            return None
        raise
    return Target(NAME, str(described.get(MEMBER, target.name)), target.arn, region=target.region)


def looks(cloud: Cloud, name: str) -> list[partial[Target | None]]:
    return [partial(_named, cloud, name)]


def _named(cloud: Cloud, name: str) -> Target | None:
    same = (summary for summary in _evaluations(cloud, _PREFIX) if summary.get(MEMBER) == name)
    return next((Target(NAME, name, summary["PipelineExecutionArn"]) for summary in same), None)


def _evaluations(cloud: Cloud, prefix: str, **given: Any) -> Iterator[dict[str, Any]]:
    """Yield the executions of all pipelines with a prefix; pipelines that are deleted meanwhile are skipped."""
    named: dict[str, Any] = {"PipelineNamePrefix": prefix, "MaxResults": 100}
    for pipelines in cloud.pages("sagemaker", "ListPipelines", "PipelineSummaries", **named):
        for pipeline in pipelines:
            try:
                yield from _executions(cloud, pipeline["PipelineName"], **given)
            except CloudError as error:
                if not error.is_missing:
                    raise


def describe(cloud: Cloud, target: Target) -> Run:
    return _run(target.name, target.arn, _described(cloud, target))


def _described(cloud: Cloud, target: Target) -> dict[str, Any]:
    return cloud.call("sagemaker", "DescribePipelineExecution", target.region, PipelineExecutionArn=target.arn)


def status(cloud: Cloud, target: Target) -> Status:
    described = _described(cloud, target)
    document, begun = recorded(cloud, target), _begun(cloud, target)
    mlflow = next(definition.of_jobs(document, "MlflowConfig"), None)
    changed = described.get("LastModifiedTime")
    has_ended = state_of(described["PipelineExecutionStatus"]) != "running"
    return Status(
        kind=NAME,
        name=described.get(MEMBER, target.name),
        arn=target.arn,
        status=described["PipelineExecutionStatus"],
        address=target.file.address if target.file else None,
        failure_reason=described.get("FailureReason"),
        creation_time=described.get("CreationTime"),
        last_modified_time=changed,
        end_time=changed if has_ended else None,  # as in `ended`
        details={
            "pipeline_arn": described["PipelineArn"],
            "pipeline_version_id": described.get("PipelineVersionId"),
            "eval_type": definition.evaluation_type(described["PipelineArn"].rpartition("/")[2]),
            "s3_output_path": next(definition.of_jobs(document, "S3OutputPath"), None) or _place_of(cloud, begun),
            "mlflow_config": mapping(at(document, "MlflowConfig")) or mlflow,
            "step_count": len(definition.steps(document)),
        },
        steps=begun,
    )


def is_whole(seen: Status) -> bool:
    if seen.state == "running":
        return True
    if any(state_of(step.status) == "running" for step in seen.steps):
        return False
    details = seen.details  # foreign pipelines may skip steps
    return seen.state == "failed" or not details["eval_type"] or len(seen.steps) >= details["step_count"]


def _place_of(cloud: Cloud, begun: tuple[Step, ...]) -> str | None:
    """Return the output path of the jobs of the steps, for a definition that has only an expression for it.

    Or None.
    """
    for sort in (job, training_job):
        for target in filter(None, (sort.of_arn(step.job_arn or "") for step in begun)):
            if path := sort.status(cloud, target).details.get("s3_output_path"):
                return str(path)
    return None


def _begun(cloud: Cloud, target: Target) -> tuple[Step, ...]:
    """Return the steps of an execution that have started, in order."""
    key = "PipelineExecutionSteps"
    parameters = {"PipelineExecutionArn": target.arn, "SortOrder": "Ascending", "MaxResults": 100}
    begun = []
    for page in cloud.pages("sagemaker", "ListPipelineExecutionSteps", key, target.region, **parameters):
        for step in page:
            jobs = [made for kind, made in step.get("Metadata", {}).items() if kind.endswith("Job")]
            begun.append(
                Step(
                    name=step["StepName"],
                    display_name=step.get("StepDisplayName"),
                    status=step["StepStatus"],
                    start_time=step.get("StartTime"),
                    end_time=step.get("EndTime"),
                    failure_reason=step.get("FailureReason"),
                    job_arn=next((job.get("Arn") for job in jobs), None),
                )
            )
    return tuple(begun)


def outputs(run: Run) -> dict[str, Any]:
    return {name: value for name, value in run.details.items() if isinstance(value, str)}


def recorded(cloud: Cloud, target: Target) -> Any:
    api = "DescribePipelineDefinitionForExecution"
    answer = cloud.call("sagemaker", api, target.region, PipelineExecutionArn=target.arn)
    return documents.read(answer[_DEFINITION], _DEFINITION)


def compiled(file: File) -> Any:
    return next(r for r in file.requests if r.operation == TAGGED).parameters[_DEFINITION]["$json"]


def verify(cloud: Cloud, file: File, target: Target, _project: Project) -> Verified:
    return Verified(tuple(differences(recorded(cloud, target), compiled(file))))


def stop(cloud: Cloud, target: Target, seen: Status) -> None:
    # the token contains the time of the last change: an execution that was retried can be stopped again
    token = _token("stop", target.arn, seen.last_modified_time)
    given = {"PipelineExecutionArn": target.arn, "ClientRequestToken": token}
    cloud.call("sagemaker", "StopPipelineExecution", target.region, **given)


def removed(cloud: Cloud, target: Target, file: File, seen: Status) -> Iterable[str]:
    _check_alone(cloud, target, file)
    return (f"pipeline {_pipeline(target)}", f"its only execution {target.name} ({seen.status})")


def delete(cloud: Cloud, target: Target) -> str:
    given = {"PipelineName": _pipeline(target), "ClientRequestToken": _token("delete", target.arn)}
    cloud.call("sagemaker", "DeletePipeline", target.region, **given)
    return f"deleted pipeline {_pipeline(target)}"


def _pipeline(target: Target) -> str:
    """Return the name of an execution's pipeline."""
    return target.arn.partition(":pipeline/")[2].partition("/")[0]


def _token(*of: Any) -> str:
    return hashlib.sha256(" ".join(map(str, of)).encode()).hexdigest()


def _check_alone(cloud: Cloud, target: Target, file: File) -> None:
    """Refuse an execution whose pipeline has others, because AWS deletes a pipeline with all its executions.

    Raises NotOurs, CloudError.
    """
    listed = _executions(cloud, _pipeline(target), target.region)
    others = [execution for execution in listed if execution["PipelineExecutionArn"] != target.arn]
    if not others:
        return
    lines = [f"    {_whose(cloud, target.region, file, execution)}" for execution in others[:MOST_NAMED]]
    if len(others) > MOST_NAMED:
        lines.append(f"    and {len(others) - MOST_NAMED} more")
    message = (
        f"pipeline {_pipeline(target)} has other executions, and AWS deletes executions only with their pipeline"
    )
    hint = "nothing was deleted; raise metadata.run to run the same content once more"
    raise NotOurs(message, hint, lines)


def _whose(cloud: Cloud, region: str | None, file: File, summary: Mapping[str, Any]) -> str:
    arn = summary["PipelineExecutionArn"]
    name = summary.get(MEMBER, arn.rpartition("/")[2])
    started = f"{name} ({summary['PipelineExecutionStatus']}, {summary['StartTime']:%Y-%m-%d %H:%M})"
    if is_earlier(file, MEMBER, name):
        return f"{started}: an earlier content of this spec"
    described = cloud.call("sagemaker", "DescribePipelineExecution", region, PipelineExecutionArn=arn)
    return f"{started}: started by {resources.user(described.get('CreatedBy')) or 'others'}"


def listed(cloud: Cloud, kinds: Mapping[str, str], wanted: Filter) -> Iterator[Entry]:
    times = {"CreatedAfter": wanted.after, "CreatedBefore": wanted.before}
    given = {name: value for name, value in times.items() if value is not None}
    for which, kind in kinds.items():
        for run in _evaluations(cloud, f"{_PREFIX}-{which}", **given):
            name = run.get(MEMBER, run["PipelineExecutionArn"].rpartition("/")[2])
            yield Entry(kind, name, run["PipelineExecutionStatus"], run["StartTime"], run["PipelineExecutionArn"])


def ended(cloud: Cloud, target: Target) -> datetime | None:
    changed: datetime | None = _described(cloud, target).get("LastModifiedTime")
    return changed  # AWS has no other time; what has ended changes no more


def logs(status: Status) -> list[Place]:
    return [group for step in status.steps if step.job_arn for group in streams.of_job(step.job_arn)]
