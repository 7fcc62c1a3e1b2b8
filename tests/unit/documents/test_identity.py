"""Identities: what counts towards them and what does not, and that uploads lie where their content says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from sagespec.documents import identity
from sagespec.documents.compiled import Compiled, Request, named
from sagespec.sagemaker import uploads
from sagespec.sagemaker.uploads import Upload


def of(*requests: Request, **changed: Any) -> str:
    about: dict[str, Any] = {
        "address": "K/n",
        "source": "a.yaml",
        "account": "1",
        "region": "r",
        "depends_on": {"K/d": "0" * 12},
        "requests": requests,
        "project": "p",
        "environment": "e",
    }
    return identity.identify(Compiled(**{**about, **changed}))


def request(parameters: Mapping[str, Any], operation: str = "CreateJob") -> Request:
    return Request("a", "sagemaker", operation, dict(parameters))


def pipeline(**step: Any) -> Request:
    definition = {"Steps": [{"Name": "s", "Arguments": {}, **step}]}
    return request({"PipelineDefinition": {"$json": definition}}, "CreatePipeline")


@pytest.mark.parametrize(
    "parameters",
    [
        {"Tags": [{"Key": "a", "Value": "b"}]},
        {"PipelineDescription": "words"},
        {"Description": "words"},
        {"HubContentDescription": "words"},
        {"HubContentSearchKeywords": ["a"]},
    ],
)
def test_tags_keywords_and_descriptions_do_not_count(parameters: dict[str, Any]) -> None:
    assert of(request(parameters)) == of(request({}))
    assert of(request({"Environment": parameters})) != of(request({"Environment": {}}))


def test_nor_do_those_of_pipeline_steps() -> None:
    assert of(pipeline(Arguments={"Tags": [1]}, Description="x")) == of(pipeline())
    assert of(pipeline(Arguments={"HyperParameters": {"Tags": "1"}})) != of(pipeline())


def test_another_base_of_a_name_is_another_identity() -> None:
    assert of(request({"JobName": named("a-")})) != of(request({"JobName": named("b-")}))


@pytest.mark.parametrize(
    "changed",
    [
        {"address": "L/n"},
        {"address": "K/o"},
        {"project": "q"},
        {"project": None},
        {"environment": "f"},
        {"run": 2},
        {"account": "2"},
        {"region": "s"},
        {"depends_on": {"K/d": "1" * 12}},
        {"depends_on": {"K/e": "0" * 12}},
        {"depends_on": {}},
    ],
)
def test_everything_else_counts(changed: dict[str, Any]) -> None:
    assert of(**changed) != of()


@pytest.mark.parametrize("changed", [{"run": 1}, {"source": "b.yaml"}, {"thresholds": ({"metric": "m"},)}])
def test_the_first_run_the_source_and_thresholds_do_not(changed: dict[str, Any]) -> None:
    assert of(**changed) == of()


def test_projects_and_environments_count_apart() -> None:
    names = [("a", "b-c"), ("a-b", "c"), (None, "a"), ("a", None)]
    assert len({of(project=project, environment=environment) for project, environment in names}) == len(names)


def job_with(files: dict[str, str], packaged: str = "1" * 64, **members: Any) -> tuple[Request, ...]:
    """A job with code of these hashes, and one driver of ours."""
    code = [Upload(name, {"$file": {"path": name, "sha256": sha}}, sha) for name, sha in files.items()]
    driver = [Upload("run.py", {"$file": {"path": "sagespec:drivers/run.py", "sha256": packaged}}, packaged)]
    made: list[Request] = []
    channels: list[dict[str, Any]] = []
    for label, name, found in (("source", "code", code), ("drivers", "sm_drivers", driver)):
        prefix = uploads.prefix(found, name)
        made += uploads.requests(found, label, "bucket", prefix, **members)
        channels.append({"DataSource": {"S3DataSource": {"S3Uri": f"s3://bucket/{prefix}/"}}})
    return (*made, request({"InputDataConfig": channels}, "CreateTrainingJob"))


def test_the_content_of_uploads_counts_and_our_drivers_do_by_their_path() -> None:
    plain = job_with({"a.py": "2" * 64})
    assert of(*plain) == of(*job_with({"a.py": "2" * 64}, packaged="3" * 64))
    assert of(*plain) != of(*job_with({"a.py": "4" * 64}))
    assert of(*plain) != of(*job_with({"b.py": "2" * 64}))


def test_how_uploads_are_encrypted_and_whose_bucket_it_is_does_not_count() -> None:
    members = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "k", "ExpectedBucketOwner": "1" * 12}
    assert of(*job_with({"a.py": "2" * 64})) == of(*job_with({"a.py": "2" * 64}, **members))


def test_a_channel_that_only_looks_like_an_upload_counts() -> None:
    *sent, job = job_with({"a.py": "2" * 64})

    def identity_with(uri: str) -> str:
        channel = {"DataSource": {"S3DataSource": {"S3Uri": uri}}}
        channels = [*job.parameters["InputDataConfig"], channel]
        return of(*sent, replace(job, parameters={"InputDataConfig": channels}))

    assert identity_with(f"s3://bucket/sagespec/code/{'0' * 16}/") != identity_with(
        f"s3://bucket/sagespec/code/{'1' * 16}/"
    )


def job_with_data(files: dict[str, str], channel: str = "train", single: str = "", key_id: str = "") -> list[Request]:
    """A job with data beside the spec: a folder, or a single file."""
    data = [Upload(name, {"$file": {"path": name, "sha256": sha}}, sha) for name, sha in files.items()]
    prefix = f"team/{uploads.prefix(data, channel, key_id)}"
    members = {"SSEKMSKeyId": key_id} if key_id else {}
    uri = {"DataSource": {"S3DataSource": {"S3Uri": f"s3://bucket/{prefix}/{single}"}}}
    made = uploads.requests(data, f"data/{channel}", "bucket", prefix, **members)
    return [*made, request({"InputDataConfig": [uri]}, "CreateTrainingJob")]


@pytest.mark.parametrize("single", ["", "a.csv"])
def test_data_counts_by_its_content_and_not_by_where_it_lies(single: str) -> None:
    """What the hash in a key covers may change with a version of ours, as it did when it came to cover KMS keys."""
    plain = job_with_data({"a.csv": "2" * 64}, single=single)
    assert of(*plain) == of(*job_with_data({"a.csv": "2" * 64}, single=single, key_id="k"))
    assert plain[0].parameters["Key"] != job_with_data({"a.csv": "2" * 64}, key_id="k")[0].parameters["Key"]
    assert of(*plain) != of(*job_with_data({"a.csv": "3" * 64}, single=single))
    assert of(*plain) != of(*job_with_data({"b.csv": "2" * 64}, single=single and "b.csv"))
    assert of(*plain) != of(*job_with_data({"a.csv": "2" * 64}, channel="val", single=single))


def test_a_folder_of_one_file_and_the_file_are_not_the_same() -> None:
    assert of(*job_with_data({"a.csv": "2" * 64})) != of(*job_with_data({"a.csv": "2" * 64}, single="a.csv"))


def test_data_lies_where_its_content_and_its_key_say() -> None:
    train = job_with_data({"a/a.csv": "2" * 64, "a.csv": "3" * 64}, key_id="k")
    other = job_with_data({"a.csv": "4" * 64}, channel="a")
    assert identity.misplaced([*train, *other]) == []
    plain = [replace(r, parameters={k: v for k, v in r.parameters.items() if k != "SSEKMSKeyId"}) for r in train]
    assert identity.misplaced(plain) == ["data/train/a.csv", "data/train/a/a.csv"]


def test_uploads_lie_where_their_content_says() -> None:
    good = job_with({"a.py": "2" * 64, "b/c.py": "3" * 64})
    assert identity.misplaced(good) == []
    moved = replace(good[1], parameters={**good[1].parameters, "Key": f"sagespec/code/{'0' * 16}/b/c.py"})
    assert identity.misplaced((good[0], moved, *good[2:])) == ["source/b/c.py"]
    assert identity.misplaced((good[0], *good[2:])) == ["source/a.py"]
    alone = Request("x", "s3", "PutObject", {"Bucket": "b", "Key": "k/0123/x.json", "Body": {"$json": 1}})
    assert identity.misplaced((alone,)) == ["x"]
