"""Look up facts that only AWS knows, by a function for each section of the lock.

In: a section and a name. Out: the fact in the lock's form. Refuses what does not exist or cannot be used. `SOURCES`
is also the source of the table in docs/concepts/lock.md: API calls, permissions, and the fields that need the fact.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sagespec import arn, disk
from sagespec.executor import documents
from sagespec.executor.lock import hub_models, judges
from sagespec.executor.lock.account import Account, NoFact
from sagespec.project import lock
from sagespec.project.facts import MLFLOW_OF_MTRL, is_older
from sagespec.sagemaker import registry

_STUDIO = Path("/opt/ml/metadata/resource-metadata.json")
_USABLE = ("Created", "Updated")
CODE_BYTES = 1024**2


@dataclass(frozen=True)
class Source:
    """The source of a section of the lock: its API calls, their permissions, and the fields that need it."""

    find: Callable[[Account, str], Any]
    calls: tuple[str, ...]
    fields: tuple[str, ...]
    when: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()

    @property
    def permissions(self) -> tuple[str, ...]:
        return self.actions or self.calls


class Named(NamedTuple):
    """A fact that the lock keeps by another name than the one that it was asked for by."""

    name: str
    fact: Any


def look_up(account: Account, section: str, name: str) -> Any:
    """Look up one fact.

    Raises NoFact, also for an answer whose form differs from AWS's documentation, and CloudError.
    """
    try:
        fact = SOURCES[section].find(account, name)
        kept, content = fact if isinstance(fact, Named) else (name, fact)
        flaw = lock.flaw((section, kept), content)
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        flaw = f"{type(error).__name__}: {error}"
    if flaw:
        what = f"{section}/{name}" if name else section
        raise NoFact(f"AWS's answer for {what} is not as expected: {flaw}")
    return fact


def _role(account: Account, name: str) -> str:
    return str(_described_role(account, name)["Arn"])


def _described_role(account: Account, name: str) -> dict[str, Any]:
    what = f"role {name!r} in account {account.account}"
    role: dict[str, Any] = account.describe(what, "iam", "GetRole", RoleName=name)["Role"]
    return role


def _default_role(account: Account, _name: str) -> str:
    """Return the ARN of the caller's own role, if a service may assume it.

    The path of the role is not in the session's ARN, so the role is looked up. Roles for signing in, such as those of
    IAM Identity Center, cannot run a job.
    """
    kind, _, rest = account.caller.rpartition(":")[2].partition("/")
    if kind != "assumed-role":
        raise NoFact(f"no role is given and the caller, {account.caller}, is not a role")
    role = _described_role(account, rest.partition("/")[0])
    if _is_for_no_service(role.get("AssumeRolePolicyDocument")):
        raise NoFact(f"no role is given and the caller's own, {role['Arn']}, may be assumed by no service of AWS")
    return str(role["Arn"])


def _is_for_no_service(trust: Any) -> bool:
    """Return whether a trust policy allows no service."""
    statements = trust.get("Statement") if isinstance(trust, dict) else None
    principals = [s.get("Principal") for s in ([statements] if isinstance(statements, dict) else statements or ())]
    return bool(principals) and all(isinstance(p, dict) and p and set(p) <= {"AWS", "Federated"} for p in principals)


def _mlflow_app(account: Account, _name: str) -> str:
    return str(_default_mlflow_app(account)["Arn"])


def _mlflow_version(account: Account, _name: str) -> str:
    return str(_default_mlflow_app(account).get("MlflowVersion") or "unknown")


def _default_mlflow_app(account: Account) -> Mapping[str, Any]:
    """Return the default app of the current Studio domain, else of the account, else the first usable one.

    Apps that are too old for MTRL come last, because other apps serve every spec. Summaries do not tell which app is
    a default; only the filters do.
    """
    domain = _domain()
    old: Mapping[str, Any] | None = None
    filters: list[dict[str, str]] = [{"DefaultForDomainId": domain}] if domain else []
    for chosen in (*filters, {"AccountDefaultStatus": "ENABLED"}, {}):
        for page in account.cloud.pages("sagemaker", "ListMlflowApps", "Summaries", account.region, **chosen):
            for app in (app for app in page if app.get("Status") in _USABLE):
                if not is_older(str(app.get("MlflowVersion")), MLFLOW_OF_MTRL):
                    return app
                old = old or app
    if old is None:
        raise NoFact(f"account {account.account} has no usable MLflow app in {account.region}")
    return old


def _code(account: Account, uri: str) -> str:
    """Return the text of an object, which is stored in the lock so that it is reviewed."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    content = account.content(bucket, key, CODE_BYTES)
    if len(content) > CODE_BYTES:
        raise NoFact(f"{uri} has more than {CODE_BYTES:,} bytes", "bring it as an archive: s3://bucket/key.zip")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise NoFact(f"{uri} is not text in UTF-8", "an archive is called s3://bucket/key.zip") from None


def _domain() -> str | None:
    try:
        domain = json.loads(disk.read(_STUDIO, disk.TEXT_BYTES)).get("DomainId")
    except (AttributeError, OSError, RecursionError, ValueError):
        return None
    return str(domain) if domain else None


def _model_package(account: Account, arn: str) -> dict[str, str]:
    described = account.describe(f"model package {arn}", "sagemaker", "DescribeModelPackage", ModelPackageName=arn)
    status = described.get("ModelPackageStatus", "Completed")
    if status != "Completed":
        raise NoFact(f"{arn} is {status}: only a completed model package can be used")
    if not described.get("ModelPackageGroupName"):
        raise NoFact(f"{arn} is in no model package group")
    containers = described.get("InferenceSpecification", {}).get("Containers") or [{}]
    base = containers[0].get("BaseModel") or {}
    if not base.get("HubContentName"):
        raise NoFact(f"{arn} does not say which base model it was trained from")
    name, version = base["HubContentName"], base.get("HubContentVersion")
    return {
        "base_model": name,
        "base_model_arn": hub_models.arn_of(account, name, version),
        "group_arn": _group(account, described["ModelPackageGroupName"]),
    }


def _group(account: Account, name: str) -> str:
    what = f"model package group {name!r}"
    described = account.describe(what, "sagemaker", "DescribeModelPackageGroup", ModelPackageGroupName=name)
    return str(described["ModelPackageGroupArn"])


def _runtime(account: Account, runtime_id: str) -> str:
    what = f"AgentCore runtime {runtime_id!r} in {account.region}"
    described = account.describe(what, "bedrock-agentcore-control", "GetAgentRuntime", agentRuntimeId=runtime_id)
    return str(described["agentRuntimeArn"])


def _job(account: Account, name: str) -> dict[str, Any]:
    what = f"AgentRFT job {name!r}"
    described = account.describe(what, "sagemaker", "DescribeJob", JobName=name, JobCategory="AgentRFT")
    document = documents.read(described["JobConfigDocument"], "JobConfigDocument")
    package = document.get("ServiceOutput", {}).get("OutputModelPackageArn")
    if described["JobStatus"] != "Completed" or not package:
        raise NoFact(f"the job {name!r} is {described['JobStatus']}: only a completed one has a model")
    base = document["TrainingConfig"]["BaseModelArn"]
    agent = document["AgentConfig"]
    runtime = agent.get("BedrockAgentCoreConfig", {})
    return {
        "agent_arn": runtime.get("AgentRuntimeArn") or agent["CustomAgentLambdaConfig"]["LambdaArn"],
        "agent_qualifier": runtime.get("Qualifier"),
        "base_model": base.partition(":hub-content/")[2].split("/")[2],
        "base_model_arn": base,
        "output_model_package_arn": package,
    }


def _training_job(account: Account, name: str) -> dict[str, Any]:
    job = account.describe(f"training job {name!r}", "sagemaker", "DescribeTrainingJob", TrainingJobName=name)
    config = job.get("ServerlessJobConfig", {})
    if config.get("JobType") != "FineTuning":
        raise NoFact(f"the training job {name!r} is no fine-tuning", "name the ARN of a model package")
    package = job.get("OutputModelPackageArn")
    if job["TrainingJobStatus"] != "Completed" or not package:
        raise NoFact(f"the job {name!r} is {job['TrainingJobStatus']}: only a completed one has a model package")
    base = arn.hub_content(config["BaseModelArn"])
    if base is None:
        raise NoFact(f"the job {name!r} does not say which model it tuned")
    return {
        "base_model": base.name,
        "base_model_arn": config["BaseModelArn"],
        "output_model_package_arn": package,
    }


def _evaluator(account: Account, name: str) -> Named:
    """Look up a reward function or prompt by its ARN, or by its name in the registry of the account."""
    content, owner = arn.hub_content(name), arn.parse(name)
    hub = content.hub if content else registry.hub(account.region, account.account)
    given = {"HubName": hub, "HubContentType": "JsonDoc", "HubContentName": content.name if content else name}
    if content and owner:
        given["HubContentType"] = content.type
        if content.version:
            given["HubContentVersion"] = content.version
        if owner.account != account.account:  # hubs of other accounts are found by ARN only
            given["HubName"] = arn.sagemaker(owner.partition, owner.region, owner.account, f"hub/{hub}")
    what = f"evaluator {given['HubContentName']!r} in hub {hub}"
    found = account.describe(what, "sagemaker", "DescribeHubContent", **given)
    inner = registry.evaluator(documents.read(found["HubContentDocument"], "HubContentDocument"))
    if inner is None:
        raise NoFact(f"{found['HubContentArn']} is neither a reward function nor a reward prompt")
    fact = {"name": given["HubContentName"], "type": inner.type, "reference": inner.reference}
    return Named(name if content else found["HubContentArn"], fact)


def _job_schema(account: Account, name: str) -> dict[str, Any]:
    category, _, version = name.partition("/")
    pages = account.cloud.pages(
        "sagemaker", "ListJobSchemaVersions", "JobConfigSchemas", account.region, JobCategory=category
    )
    known = [entry["JobConfigSchemaVersion"] for page in pages for entry in page]
    if version not in known:
        has = ", ".join(known) or "none"
        message = f"AWS has no version {version} of the {category} schema any more; it has {has}"
        raise NoFact(message, "job documents go unchecked, and AWS may refuse them: look for a newer sagespec")
    parameters = {"JobCategory": category, "JobConfigSchemaVersion": version}
    answer = account.call("sagemaker", "DescribeJobSchemaVersion", **parameters)
    job_schema: dict[str, Any] = documents.read(answer["JobConfigSchema"], "JobConfigSchema")
    return job_schema


SOURCES: dict[str, Source] = {
    "agent_runtimes": Source(
        _runtime,
        ("bedrock-agentcore-control:GetAgentRuntime",),
        ("agent_env",),
        actions=("bedrock-agentcore:GetAgentRuntime",),
    ),
    "code": Source(_code, ("s3:GetObject",), ("source",), ("at s3://bucket/key, unless it ends in .zip",)),
    "default_mlflow_app": Source(
        _mlflow_app, ("sagemaker:ListMlflowApps",), ("mlflow_app_arn", "mlflow_resource_arn"), ("where not given",)
    ),
    "default_mlflow_version": Source(
        _mlflow_version, ("sagemaker:ListMlflowApps",), (), ("the default app of MTRL",)
    ),
    "evaluators": Source(
        _evaluator,
        ("sagemaker:DescribeHubContent",),
        ("reward_prompt",),
        ("where it is a name",),
    ),
    "hub_models": Source(hub_models.find, ("sagemaker:DescribeHubContent", "s3:GetObject"), ("model",)),
    "job_schemas": Source(
        _job_schema,
        ("sagemaker:ListJobSchemaVersions", "sagemaker:DescribeJobSchemaVersion"),
        (),
        ("every job document",),
    ),
    "jobs": Source(_job, ("sagemaker:DescribeJob",), ("model",), ("as {job: NAME}",)),
    "judge_models": Source(judges.find, ("bedrock:ListFoundationModels", "s3:GetObject"), ("evaluator_model",)),
    "model_package_groups": Source(
        _group,
        ("sagemaker:DescribeModelPackageGroup",),
        (
            "intermediate_checkpoint_model_package_group",
            "model_package_group",
            "output_model_package_group",
        ),
        ("where it is a name",),
    ),
    "model_packages": Source(
        _model_package,
        ("sagemaker:DescribeModelPackage", "sagemaker:DescribeModelPackageGroup", "sagemaker:DescribeHubContent"),
        ("model",),
        ("where it is a model package",),
    ),
    "training_jobs": Source(_training_job, ("sagemaker:DescribeTrainingJob",), ("model",), ("as {job: NAME}",)),
    "role": Source(_default_role, ("iam:GetRole",), ("role",), ("where not given",)),
    "roles": Source(_role, ("iam:GetRole",), ("role",), ("where it is a name",)),
}
"""The sources of the sections of the lock."""
SINGLE = frozenset({"default_mlflow_app", "default_mlflow_version", "role"})
"""Sections with a single fact."""
