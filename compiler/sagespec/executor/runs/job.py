"""Jobs of the Job API, by their category."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from sagespec.documents.compiled import Request
from sagespec.executor import documents
from sagespec.executor.answers import at, rely_on
from sagespec.executor.cloud import Cloud, CloudError
from sagespec.executor.differences import differences
from sagespec.executor.files import File
from sagespec.executor.runs import job_lists, streams
from sagespec.executor.runs.entries import Entry, Filter, is_of_a_step
from sagespec.executor.runs.job_lists import Listing
from sagespec.executor.runs.run import Run, Target, main_request
from sagespec.executor.runs.status import Status, mapping
from sagespec.executor.runs.streams import Place
from sagespec.executor.submission import Answer, Refused, Submission, taken
from sagespec.executor.verified import Verified
from sagespec.project.settings import Project

NAME = "job"
OPERATION = TAGGED = "CreateJob"
MEMBER = "JobName"
ACTION: Final = "start"
AGAIN = "`sagespec apply` runs the same content again"
BEGUN = "InProgress"
STATUSES = frozenset({"InProgress", "Completed", "Failed", "Stopping", "Stopped", "Deleting", "DeleteFailed"})
CATEGORIES = (
    "AgentRFT",
    "AgentRFTEvaluation",
    "SyntheticDataGeneration",
    "DataQualityEvaluation",
    "DataTransformation",
)
"""Categories of the Job API, first those of sagespec's kinds."""
_LISTING = Listing("ListJobs", "JobSummaries", MEMBER, "JobArn", "JobStatus")
_ARN = re.compile(r"arn:[^:]+:sagemaker:(?P<region>[^:]+):\d+:job/(?P<category>[^/]+)/(?P<name>[^/]+)")
_DOCUMENT = "JobConfigDocument"
rely_on(
    {
        "CreateJob": ("JobArn",),
        "DeleteJob": (),
        "ListJobs": (
            "JobSummaries.CreationTime",
            "JobSummaries.JobArn",
            "JobSummaries.JobName",
            "JobSummaries.JobStatus",
        ),
        "StopJob": (),
    }
)


def submit(s: Submission, request: Request, parameters: dict[str, Any], _known: Mapping[str, Any]) -> Answer:
    name = parameters[MEMBER]
    try:
        arn = s.call("sagemaker", OPERATION, **parameters)["JobArn"]
        return "started", {"Run": Run(name, arn, BEGUN)}
    except CloudError as error:
        if not error.is_taken:
            raise
    described = taken(s, request, name, "DescribeJob", JobName=name, JobCategory=parameters["JobCategory"])
    if _document(described) != documents.read(parameters[_DOCUMENT], _DOCUMENT):
        raise Refused(f"a job {name} exists with another document; raise metadata.run")
    return "kept", {"Run": _run(described)}


def _document(described: Mapping[str, Any]) -> Any:
    """Return the document that a job was started with."""
    document = documents.read(described[_DOCUMENT], _DOCUMENT)
    document.pop("ServiceOutput", None)
    return document


def _run(described: Mapping[str, Any]) -> Run:
    return Run(
        described["JobName"],
        described["JobArn"],
        described["JobStatus"],
        described.get("FailureReason", ""),
        described,
    )


def find(cloud: Cloud, region: str, files: Sequence[File]) -> Iterator[tuple[File, Run]]:
    by_category: dict[str, list[File]] = {}
    for file in files:
        by_category.setdefault(_category(file), []).append(file)
    for category, members in sorted(by_category.items()):
        yield from job_lists.find(cloud, _LISTING, region, members, JobCategory=category)


def _category(file: File) -> str:
    request = main_request(file)
    return str(request.parameters["JobCategory"]) if request else ""


def target(file: File, run: Run) -> Target:
    return Target(NAME, run.name, run.arn, _category(file), file.content.region, file)


def of_arn(text: str) -> Target | None:
    match = _ARN.fullmatch(text)
    return Target(NAME, match["name"], text, match["category"], match["region"]) if match else None


def shown(cloud: Cloud, target: Target) -> Target | None:
    """Look up by name, and compare the ARN: a job of another account may have the same name."""
    target_shown = _look(cloud, target.name, target.category, target.region)
    return target_shown if target_shown and target_shown.arn.lower() == target.arn.lower() else None


def looks(cloud: Cloud, name: str) -> list[partial[Target | None]]:
    return [partial(_look, cloud, name, category) for category in CATEGORIES]


def _look(cloud: Cloud, name: str, category: str, region: str | None = None) -> Target | None:
    """Return the job of a name, or None, also for a category that the region does not have yet."""
    try:
        described = cloud.call("sagemaker", "DescribeJob", region, JobName=name, JobCategory=category)
    except CloudError as error:
        if error.is_missing or error.code == "ValidationException":
            return None
        raise
    return Target(NAME, name, described["JobArn"], category, region)


def describe(cloud: Cloud, target: Target) -> Run:
    return _run(_described(cloud, target))


def _described(cloud: Cloud, target: Target) -> dict[str, Any]:
    given = {"JobName": target.name, "JobCategory": target.category}
    return cloud.call("sagemaker", "DescribeJob", target.region, **given)


def status(cloud: Cloud, target: Target) -> Status:
    described = _described(cloud, target)
    document = documents.read(described[_DOCUMENT], _DOCUMENT)
    document = mapping(document) or {}
    details = {
        "job_category": described["JobCategory"],
        "role_arn": described["RoleArn"],
        "secondary_status": described["SecondaryStatus"],
        "secondary_status_transitions": described["SecondaryStatusTransitions"],
        "agent_config": document.get("AgentConfig"),
        "training_config": document.get("TrainingConfig") or document.get("EvaluationConfig"),
        "s3_output_path": at(document, "OutputDataConfig", "S3OutputPath"),
        "model_package_config": mapping(document.get("ModelPackageConfig")),
        "output_model_package_arn": at(document, "ServiceOutput", "OutputModelPackageArn"),
        # a training's document and an evaluation's have it in different members
        "mlflow_config": mapping(at(document, "TrainingConfig", "MlflowConfig"))
        or mapping(at(document, "OutputDataConfig", "MlflowConfig")),
        "mlflow_details": mapping(at(document, "ServiceOutput", "MlflowDetails")),
        "billable_token_usage": at(document, "ServiceOutput", "BillableTokenUsage"),
        "progress_info": mapping(at(document, "ServiceOutput", "ProgressInfo")),
        "rollout_info": at(document, "ServiceOutput", "RolloutInfo"),
        "evaluation_metrics": mapping(at(document, "ServiceOutput", "EvaluationMetrics")),
        "tags": described.get("Tags", []),
    }
    return Status(
        kind=NAME,
        name=described["JobName"],
        arn=described["JobArn"],
        status=described["JobStatus"],
        address=target.file.address if target.file else None,
        failure_reason=described.get("FailureReason"),
        creation_time=described["CreationTime"],
        last_modified_time=described["LastModifiedTime"],
        end_time=described.get("EndTime"),
        details=details,
    )


def outputs(run: Run) -> dict[str, Any]:
    return mapping(at(documents.read(run.details[_DOCUMENT], _DOCUMENT), "ServiceOutput")) or {}


def recorded(cloud: Cloud, target: Target) -> Any:
    return _document(_described(cloud, target))


def compiled(file: File) -> Any:
    return file.requests[-1].parameters[_DOCUMENT]["$json"]


def verify(cloud: Cloud, file: File, target: Target, _project: Project) -> Verified:
    return Verified(tuple(differences(recorded(cloud, target), compiled(file))))


def stop(cloud: Cloud, target: Target, _seen: Status) -> None:
    cloud.call("sagemaker", "StopJob", target.region, JobName=target.name, JobCategory=target.category)


def removed(_cloud: Cloud, target: Target, _file: File, seen: Status) -> Iterable[str]:
    return (f"job {target.name} ({seen.status})",)


def delete(cloud: Cloud, target: Target) -> str:
    cloud.call("sagemaker", "DeleteJob", target.region, JobName=target.name, JobCategory=target.category)
    return "deleted"


def listed(cloud: Cloud, kinds: Mapping[str, str], wanted: Filter) -> Iterator[Entry]:
    for category, kind in kinds.items():
        yield from _listed(cloud, kind, category, wanted)


def _listed(cloud: Cloud, kind: str, category: str, wanted: Filter) -> Iterator[Entry]:
    parameters = {"JobCategory": category, "MaxResults": 100, **wanted.api(STATUSES)}
    try:
        for page in cloud.pages("sagemaker", "ListJobs", "JobSummaries", **parameters):
            for job in page:
                if not is_of_a_step(job["JobName"]):
                    yield Entry(
                        kind, job["JobName"], job["JobStatus"], job["CreationTime"], job["JobArn"], job.get("EndTime")
                    )
    except CloudError as error:
        # the region does not have the category yet, and so no such jobs
        if not (kind == category and error.code == "ValidationException"):
            raise


def logs(status: Status) -> list[Place]:
    return streams.of_job(status.arn)
