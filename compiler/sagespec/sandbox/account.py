"""Seed the account of a sandbox: roles, groups, packages, buckets, finished jobs, from a lock."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from sagespec import arn, assets
from sagespec.sandbox import existing, hub, hub_contents, hub_recipes, mlflow_servers, neighbours, registry
from sagespec.sandbox.access import OF_MOTO
from sagespec.sandbox.lifecycle import JOBS, TRAINING_JOBS, Family
from sagespec.sandbox.service import CREATED, Region


def built_in() -> dict[str, Any]:
    facts: dict[str, Any] = assets.document(assets.data() / "sandbox" / "account.json")
    return facts


def contexts(lock: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Return the facts of accounts by `<account>/<region>`: those of a lock, over those of the built-in account.

    A lock has only the facts that its specs use; new specs must be able to use more.
    """
    offered = built_in()["contexts"]
    known: dict[str, Any] = (lock or {}).get("contexts") or offered
    (here,) = offered
    return {key: _over(_moved(offered[here], facts), facts) for key, facts in known.items()}


def _moved(facts: dict[str, Any], to: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same facts in another account and region."""
    text = json.dumps(facts)
    for name in ("account", "region"):
        text = text.replace(facts[name], to[name])
    facts_there: dict[str, Any] = json.loads(text.replace(f"arn:{facts['partition']}:", f"arn:{to['partition']}:"))
    return facts_there


def _over(below: dict[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    sections = {name: {**below.get(name, {}), **v} if isinstance(v, dict) else v for name, v in facts.items()}
    return {**below, **{name: value for name, value in sections.items() if value is not None}}


def moto_applications() -> dict[str, Any]:
    """Return moto's servers by service, with an empty state.

    Its own dispatcher would serve all other services, too.
    """
    from moto.backends import get_backend
    from moto.core.model_instances import reset_model_data

    for service in OF_MOTO:  # moto's state is global in the process; a new sandbox starts empty
        for by_region in get_backend(service).values():  # type: ignore[call-overload]  # overloaded for each literal name
            for backend in by_region.values():
                backend.reset()
                reset_model_data()  # else moto keeps every object that there ever was, and each reset visits them all
    return _applications()


@cache
def _applications() -> dict[str, Any]:
    """Create moto's servers once for each process: they have no state, and building their routes is slow."""
    from moto.moto_server.werkzeug_app import create_backend_app

    return {service: create_backend_app(service) for service in OF_MOTO}  # type: ignore[arg-type]  # the same


def seed(region: Region, names: Iterable[str]) -> None:
    """Create the resources of a lock, and further existing resources by name.

    Raises ValueError for a name that cannot be created.
    """
    default = f"sagemaker-{region.region}-{region.account}"
    for bucket in (default, hub_recipes.bucket(region), *region.facts.get("buckets", ())):
        existing.create(region, f"s3://{bucket}")
    for uri, text in region.facts.get("code", {}).items():
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        existing.create(region, f"s3://{bucket}")
        neighbours.put_object(region, bucket, key, text.encode())
    for role in sorted({*region.facts.get("roles", {}).values(), *filter(None, [region.facts.get("role")])}):
        existing.create(region, role)
    region = region.at(CREATED)  # everything else existed before the sandbox started
    for name, group in region.facts.get("model_package_groups", {}).items():
        registry.create_model_package_group(region, {"ModelPackageGroupName": name})
        groups = region.table("groups")
        groups[name] = {**groups[name], "ModelPackageGroupArn": group}
    for name, package in region.facts.get("model_packages", {}).items():
        _seed_package(region, name, package["base_model_arn"])
    for name, job in region.facts.get("jobs", {}).items():
        _seed_job(region, name, job)
    for name, evaluator in region.facts.get("evaluators", {}).items():
        _seed_evaluator(region, name, evaluator)
    for name, job in region.facts.get("training_jobs", {}).items():
        _seed_training_job(region, name, job)
    hub.seed(region)
    mlflow_servers.seed(region)
    for name in names:
        existing.create(region, name)


def _seed_job(region: Region, name: str, job: dict[str, Any]) -> None:
    """Create a finished AgentRFT job, with its model package."""
    package, agent = job["output_model_package_arn"], job["agent_arn"]
    qualifier = {"Qualifier": job["agent_qualifier"]} if job.get("agent_qualifier") else {}
    runs_on = {"BedrockAgentCoreConfig": {"AgentRuntimeArn": agent, **qualifier}}
    group = package.replace(":model-package/", ":model-package-group/").rpartition("/")[0]
    output = f"s3://sagemaker-{region.region}-{region.account}/{name}"
    mlflow = region.facts.get("default_mlflow_app") or region.arn("mlflow-app/app-OF-THIS-JOB")
    data = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{output}/train.jsonl"}}
    document = {
        "AgentConfig": {"CustomAgentLambdaConfig": {"LambdaArn": agent}} if ":lambda:" in agent else runs_on,
        "InputDataConfig": [{"ChannelName": "train", "DataSource": data}],
        "ModelPackageConfig": {
            "OutputModelPackageGroupArn": group,
            "IntermediateCheckpointModelPackageGroupArn": f"{group}-checkpoint",
        },
        "OutputDataConfig": {"S3OutputPath": output},
        "TrainingConfig": {
            "BaseModelArn": job["base_model_arn"],
            "AcceptEula": True,
            "MlflowConfig": {"MlflowResourceArn": mlflow},
        },
    }
    arn = region.arn(f"job/AgentRFT/{name}")
    record = {
        "JobName": name,
        "JobArn": arn,
        "RoleArn": region.facts.get("role") or "",
        "JobCategory": "AgentRFT",
        "JobConfigSchemaVersion": "1.0.0",
        "JobConfigDocument": json.dumps(document),
    }
    _seed_finished(region, JOBS, record, package, job["base_model_arn"])


def _seed_training_job(region: Region, name: str, job: dict[str, Any]) -> None:
    """Create a finished fine-tuning job, with its model package."""
    package = job["output_model_package_arn"]
    output = f"s3://sagemaker-{region.region}-{region.account}/{name}"
    data = {"S3DataType": "S3Prefix", "S3Uri": f"{output}/train.jsonl", "S3DataDistributionType": "FullyReplicated"}
    record = {
        "TrainingJobName": name,
        "TrainingJobArn": region.arn(f"training-job/{name}"),
        "RoleArn": region.facts.get("role") or "",
        "ServerlessJobConfig": {
            "JobType": "FineTuning",
            "BaseModelArn": job["base_model_arn"],
            "CustomizationTechnique": "SFT",
            "Peft": "LORA",
            "AcceptEula": True,
        },
        "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": data}}],
        "OutputDataConfig": {"S3OutputPath": output},
        "ModelPackageConfig": {
            "ModelPackageGroupArn": package.replace(":model-package/", ":model-package-group/").rpartition("/")[0]
        },
        "HyperParameters": {},
    }
    _seed_finished(region, TRAINING_JOBS, record, package, job["base_model_arn"])


def _seed_finished(region: Region, family: Family, record: dict[str, Any], package: str, base_model_arn: str) -> None:
    """Create a job that finished before the sandbox started, with the package that it made."""
    arn = record[family.arn]
    region.table("tags")[arn] = []
    family.finished(region)[record[family.name]] = {**record, "CreationTime": CREATED, "StoppedAt": None}
    if package not in region.table("packages"):
        _seed_package(region, package, base_model_arn)
    packages = region.table("packages")
    packages[package] = {**packages[package], "CreatedBy": arn}


def _seed_evaluator(region: Region, name: str, evaluator: dict[str, Any]) -> None:
    """Create a reward function or a reward prompt in the account's hub."""
    content = {"Reference": evaluator["reference"], "EvaluatorType": evaluator["type"]}
    document = json.dumps({"SubType": "AWS/Evaluator", "JsonContent": json.dumps(content)})
    if parsed := arn.hub_content(name):
        hub_contents.add(region, parsed, document)


def _seed_package(region: Region, arn: str, base_model_arn: str) -> None:
    name, _, version = arn.rpartition(":model-package/")[2].partition("/")
    region.table("packages")[arn] = {
        "ModelPackageArn": arn,
        "ModelPackageGroupName": name,
        "ModelPackageVersion": int(version or 1),
        "ModelPackageStatus": "Completed",
        "CreationTime": CREATED,
        "BaseModelArn": base_model_arn,
    }
