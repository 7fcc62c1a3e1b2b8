"""What clients other than ours ask the sandbox: the SageMaker SDK, boto3 and the AWS CLI, as they ask it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from sagespec.checking import api
from sagespec.sandbox import Sandbox, shapes

from tests.conftest import LOCK, ROOT, Run

FACTS = next(iter(json.loads(LOCK.read_text("utf-8"))["contexts"].values()))
PACKAGE = sorted(FACTS["model_packages"])[0]
GROUP = PACKAGE.rpartition("/")[0].rpartition("/")[2]

TRAINER = """
apiVersion: sagespec/v1
kind: MultiTurnRLTrainer
metadata: {name: agent}
spec:
  model: huggingface-reasoning-qwen3-32b
  agent_env: arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/myRuntime-aBcDeFgHiJ
  training_dataset: s3://my-bucket/train.jsonl
"""


class Checked:
    """A session that holds every answer against the API's model: strict clients read nothing else."""

    def __init__(self) -> None:
        self.session = boto3.Session()
        self.checked: set[str] = set()
        self.problems: set[str] = set()
        self.session.events.register("before-parse", self._check)

    def client(self, name: str) -> Any:
        return self.session.client(name, config=Config(s3={"addressing_style": "path"}))

    def _check(self, operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
        service = operation_model.service_model.service_name
        if response_dict["status_code"] >= 300 or service not in ("sagemaker", "logs"):
            return
        wanted = shapes.schema(service, operation_model.name, output=True)
        problems = list(api.check_against(wanted, json.loads(response_dict["body"] or b"{}")))
        self.problems |= {f"{operation_model.name} {p.path}: {p.message}" for p in problems}
        self.checked.add(operation_model.name)


@pytest.fixture
def checked(aws: Sandbox) -> Checked:
    return Checked()


def everything(client: Any, operation: str, key: str, **given: Any) -> Iterator[Any]:
    """All items of a List operation, two a page."""
    token: dict[str, str] = {}
    while True:
        answer = getattr(client, operation)(MaxResults=2, **given, **token)
        yield from answer[key]
        if not (after := answer.get("NextToken")):
            return
        token = {"NextToken": after}


def test_answers_are_what_the_api_model_says(project: Path, checked: Checked, run: Run) -> None:
    shutil.rmtree(project / "specs")
    shutil.copytree(ROOT / "specs", project / "specs")
    run("compile")
    run("apply", "--yes", "--wait", "--poll", "1")
    sagemaker, logs = checked.client("sagemaker"), checked.client("logs")
    jobs = list(everything(sagemaker, "list_jobs", "JobSummaries", JobCategory="AgentRFT"))
    for job in jobs:
        sagemaker.describe_job(JobName=job["JobName"], JobCategory="AgentRFT")
    training = list(everything(sagemaker, "list_training_jobs", "TrainingJobSummaries"))
    for job in training:
        sagemaker.describe_training_job(TrainingJobName=job["TrainingJobName"])
    for pipeline in everything(sagemaker, "list_pipelines", "PipelineSummaries"):
        name = {"PipelineName": pipeline["PipelineName"]}
        sagemaker.describe_pipeline(**name)
        list(everything(sagemaker, "list_pipeline_versions", "PipelineVersionSummaries", **name))
        for execution in everything(sagemaker, "list_pipeline_executions", "PipelineExecutionSummaries", **name):
            arn = {"PipelineExecutionArn": execution["PipelineExecutionArn"]}
            sagemaker.describe_pipeline_execution(**arn)
            sagemaker.describe_pipeline_definition_for_execution(**arn)
            list(everything(sagemaker, "list_pipeline_execution_steps", "PipelineExecutionSteps", **arn))
    for package in everything(sagemaker, "list_model_packages", "ModelPackageSummaryList"):
        sagemaker.describe_model_package(ModelPackageName=package["ModelPackageArn"])
    for group in everything(sagemaker, "list_model_package_groups", "ModelPackageGroupSummaryList"):
        sagemaker.describe_model_package_group(ModelPackageGroupName=group["ModelPackageGroupName"])
        sagemaker.list_tags(ResourceArn=group["ModelPackageGroupArn"])
    for hub in everything(sagemaker, "list_hubs", "HubSummaries"):
        sagemaker.describe_hub(HubName=hub["HubName"])
        models = {"HubName": hub["HubName"], "HubContentType": "Model"}
        for model in everything(sagemaker, "list_hub_contents", "HubContentSummaries", **models):
            sagemaker.describe_hub_content(HubContentName=model["HubContentName"], **models)
    for app in everything(sagemaker, "list_mlflow_apps", "Summaries"):
        sagemaker.describe_mlflow_app(Arn=app["Arn"])
        sagemaker.create_presigned_mlflow_app_url(Arn=app["Arn"])
    for artifact in everything(sagemaker, "list_artifacts", "ArtifactSummaries"):
        sagemaker.describe_artifact(ArtifactArn=artifact["ArtifactArn"])
    actions = {action["ActionArn"] for action in everything(sagemaker, "list_actions", "ActionSummaries")}
    ends = list(everything(sagemaker, "list_associations", "AssociationSummaries"))
    assert actions
    assert actions & {end[name] for end in ends for name in ("SourceArn", "DestinationArn")}
    for resource in ("TrainingJob", "Pipeline", "PipelineExecution", "ModelPackage", "ModelPackageGroup"):
        assert list(everything(sagemaker, "search", "Results", Resource=resource)), resource
    groups = logs.describe_log_groups(logGroupNamePrefix="/aws/sagemaker/")["logGroups"]
    assert {group["logGroupName"] for group in groups} >= {
        "/aws/sagemaker/TrainingJobs",
        "/aws/sagemaker/Job/AgentRFT",
    }
    for group in groups:
        assert logs.describe_log_streams(logGroupName=group["logGroupName"])["logStreams"]
    assert checked.problems == set()
    assert len(checked.checked) >= 30
    sagemaker_reads = {name for name in checked.checked if not name.startswith("DescribeLog")}
    assert {"DescribeJob", "DescribePipelineExecution", "ListAssociations", "Search"} <= sagemaker_reads


def test_roles_may_do_what_they_are_asked_about_and_absent_roles_nothing(checked: Checked) -> None:
    iam, actions = checked.client("iam"), [f"sagemaker:Action{number}" for number in range(230)]
    pages = iam.get_paginator("simulate_principal_policy")
    found = [
        result["EvalActionName"]
        for page in pages.paginate(PolicySourceArn=FACTS["role"], ActionNames=actions)
        for result in page["EvaluationResults"]
        if result["EvalDecision"] == "allowed"
    ]
    assert found == actions
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.simulate_principal_policy(PolicySourceArn=f"{FACTS['role']}X", ActionNames=actions)
    with pytest.raises(ClientError, match="InvalidInput"):
        iam.simulate_principal_policy(PolicySourceArn=FACTS["role"], ActionNames=[])
    for marker in ("x", "-1", "1e3"):
        with pytest.raises(ClientError, match=r"ValidationError.*Invalid Marker"):
            iam.simulate_principal_policy(PolicySourceArn=FACTS["role"], ActionNames=actions, Marker=marker)


def test_a_package_gets_the_version_after_the_highest(checked: Checked) -> None:
    client = checked.client("sagemaker")
    before = {p["ModelPackageArn"] for p in everything(client, "list_model_packages", "ModelPackageSummaryList")}
    made = [client.create_model_package(ModelPackageGroupName=GROUP)["ModelPackageArn"] for _ in range(3)]
    assert not before & set(made)
    versions = [int(arn.rpartition("/")[2]) for arn in made]
    highest = max(
        int(arn.rpartition("/")[2]) for arn in before if arn.rpartition("/")[0] == PACKAGE.rpartition("/")[0]
    )
    assert versions == [highest + 1, highest + 2, highest + 3]
    assert client.describe_model_package(ModelPackageName=PACKAGE)["ModelPackageVersion"] == highest
    with pytest.raises(ClientError, match="does not exist"):
        client.create_model_package(ModelPackageGroupName="nobody-has-made-it")
    again = {"ModelPackageGroupName": GROUP, "ClientToken": "a" * 36}
    assert (
        client.create_model_package(**again)["ModelPackageArn"]
        == (client.create_model_package(**again)["ModelPackageArn"])
    ), "one package for one token, however often a client repeats a request"
    with pytest.raises(ClientError, match="was already used with other parameters"):
        client.create_model_package(**again, ModelPackageDescription="other")


def test_each_recipe_has_its_template_and_its_overrides(checked: Checked) -> None:
    client, s3 = checked.client("sagemaker"), checked.client("s3")
    name = {"HubName": "SageMakerPublicHub", "HubContentType": "Model"}
    seen = 0
    for model in sorted(FACTS["hub_models"]):
        if FACTS["hub_models"][model]["hub"] != "SageMakerPublicHub":
            continue
        content = json.loads(client.describe_hub_content(HubContentName=model, **name)["HubContentDocument"])
        for recipe in content["RecipeCollection"]:
            for member in ("SmtjRecipeTemplateS3Uri", "SmtjOverrideParamsS3Uri"):
                uri = recipe[member].replace("{customer_id}", FACTS["account"])  # of recipes that are subscribed to
                bucket, _, key = uri.removeprefix("s3://").partition("/")
                assert s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            seen += 1
    assert seen


def test_bedrock_knows_the_judges_one_by_one(checked: Checked) -> None:
    bedrock = checked.client("bedrock")
    for model in bedrock.list_foundation_models()["modelSummaries"]:
        for identifier in (model["modelId"], model["modelArn"]):
            found = bedrock.get_foundation_model(modelIdentifier=identifier)["modelDetails"]
            assert found["modelId"] == model["modelId"]
    with pytest.raises(bedrock.exceptions.ResourceNotFoundException):
        bedrock.get_foundation_model(modelIdentifier="nobody.has-it-v1:0")


def test_search_finds_by_members_tags_and_both(checked: Checked) -> None:
    client = checked.client("sagemaker")
    for name, team in (("rl-agents", "rl"), ("rl-judges", "rl"), ("sft", "sft")):
        client.create_model_package_group(ModelPackageGroupName=name, Tags=[{"Key": "team", "Value": team}])

    def names(expression: dict[str, Any]) -> list[str]:
        found = client.search(Resource="ModelPackageGroup", SearchExpression=expression, MaxResults=100)["Results"]
        return sorted(result["ModelPackageGroup"]["ModelPackageGroupName"] for result in found)

    by_tag = {"Name": "Tags.team", "Operator": "Equals", "Value": "rl"}
    by_name = {"Name": "ModelPackageGroupName", "Operator": "Contains", "Value": "judges"}
    assert names({"Filters": [by_tag]}) == ["rl-agents", "rl-judges"]
    assert names({"Filters": [by_tag, by_name]}) == ["rl-judges"]
    assert names({"Filters": [by_tag, {**by_name, "Value": "sft"}], "Operator": "Or"}) == [
        "rl-agents",
        "rl-judges",
        "sft",
    ]
    nested = {"Filters": [by_tag], "SubExpressions": [{"Filters": [by_name]}]}
    assert names(nested) == ["rl-judges"]
    assert "sft" in names({"Filters": [{"Name": "Tags.team", "Operator": "Exists"}]})
    with pytest.raises(ClientError, match="no Experiment"):
        client.search(Resource="Experiment")


def test_streams_are_read_from_either_end_until_a_token_repeats(checked: Checked, project: Path, run: Run) -> None:
    (project / "specs" / "t.yaml").write_text(TRAINER, "utf-8")
    run("compile")
    run("apply", "--yes", "--wait", "--poll", "1")
    logs, group = checked.client("logs"), {"logGroupName": "/aws/sagemaker/Job/AgentRFT"}
    (stream,) = logs.describe_log_streams(**group)["logStreams"]
    stream = {**group, "logStreamName": stream["logStreamName"]}
    whole = logs.get_log_events(startFromHead=True, **stream)["events"]
    assert len(whole) > 10
    for from_head, token in ((True, "nextForwardToken"), (False, "nextBackwardToken")):
        events: list[Any] = []
        answer = logs.get_log_events(startFromHead=from_head, limit=3, **stream)
        while answer["events"]:
            events = [*events, *answer["events"]] if from_head else [*answer["events"], *events]
            before, answer = answer, logs.get_log_events(limit=3, nextToken=answer[token], **stream)
        assert events == whole
        assert answer[token] == logs.get_log_events(limit=3, nextToken=answer[token], **stream)[token]
        assert before["events"]
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.get_log_events(logGroupName="/aws/sagemaker/Job/Nothing", logStreamName="x")


def test_a_hub_takes_contents_version_by_version(checked: Checked) -> None:
    client, hub, kind = checked.client("sagemaker"), {"HubName": "team-hub"}, {"HubContentType": "JsonDoc"}
    with pytest.raises(client.exceptions.ResourceNotFound):
        client.describe_hub(**hub)
    arn = client.create_hub(HubDescription="ours", Tags=[{"Key": "team", "Value": "rl"}], **hub)["HubArn"]
    assert client.describe_hub(HubName=arn)["HubDescription"] == "ours"
    with pytest.raises(client.exceptions.ResourceInUse):
        client.create_hub(HubDescription="again", **hub)
    given = {"HubContentName": "sums", "DocumentSchemaVersion": "2.0.0", **hub, **kind}
    for version in ("1.0.0", "2.0.0", "10.0.0"):
        client.import_hub_content(HubContentVersion=version, HubContentDocument=f'{{"of": "{version}"}}', **given)
    with pytest.raises(client.exceptions.ResourceInUse):
        client.import_hub_content(HubContentVersion="2.0.0", HubContentDocument="{}", **given)
    with pytest.raises(client.exceptions.ResourceNotFound):
        client.import_hub_content(HubContentDocument="{}", **{**given, "HubName": "nobodys-hub"})
    for document in ("", "[]", "not JSON"):
        with pytest.raises(ClientError, match="is not a JSON object"):
            client.import_hub_content(HubContentDocument=document, **{**given, "HubContentName": "other"})
    name = {"HubContentName": "sums", **hub, **kind}
    assert client.describe_hub_content(**name)["HubContentVersion"] == "10.0.0"
    assert client.describe_hub_content(HubContentVersion="2.0.0", **name)["HubContentDocument"] == '{"of": "2.0.0"}'
    versions = everything(client, "list_hub_content_versions", "HubContentSummaries", **name)
    assert [version["HubContentVersion"] for version in versions] == ["10.0.0", "2.0.0", "1.0.0"]
    (listed,) = everything(client, "list_hub_contents", "HubContentSummaries", **hub, **kind)
    assert listed["HubContentVersion"] == "10.0.0"
    client.delete_hub_content(HubContentVersion="10.0.0", **name)
    assert client.describe_hub_content(**name)["HubContentVersion"] == "2.0.0"
    with pytest.raises(client.exceptions.ResourceInUse):
        client.delete_hub(**hub)
    for version in ("1.0.0", "2.0.0"):
        client.delete_hub_content(HubContentVersion=version, **name)
    client.delete_hub(**hub)
    with pytest.raises(ClientError, match="team-hub"):
        client.describe_hub(**hub)
    assert checked.problems == set()


def test_apps_and_tracking_servers_come_and_go(checked: Checked) -> None:
    client, given = checked.client("sagemaker"), {"ArtifactStoreUri": "s3://my-bucket/x", "RoleArn": FACTS["role"]}
    app = client.create_mlflow_app(Name="team", **given)["Arn"]
    assert client.describe_mlflow_app(Arn=app)["Status"] == "Created"
    assert app in [found["Arn"] for found in everything(client, "list_mlflow_apps", "Summaries")]
    client.delete_mlflow_app(Arn=app)
    with pytest.raises(client.exceptions.ResourceNotFound):
        client.describe_mlflow_app(Arn=app)
    for name in ("one", "two", "three"):
        client.create_mlflow_tracking_server(TrackingServerName=name, **given)
    with pytest.raises(client.exceptions.ResourceInUse):
        client.create_mlflow_tracking_server(TrackingServerName="two", **given)
    listed = everything(client, "list_mlflow_tracking_servers", "TrackingServerSummaries")
    assert sorted(server["TrackingServerName"] for server in listed) == ["one", "three", "two"]
    assert client.describe_mlflow_tracking_server(TrackingServerName="two")["TrackingServerStatus"] == "Created"
    client.delete_mlflow_tracking_server(TrackingServerName="two")
    with pytest.raises(client.exceptions.ResourceNotFound):
        client.describe_mlflow_tracking_server(TrackingServerName="two")
    assert checked.problems == set()
