"""What counts as an answer of AWS; the table of what we rely on, against the code and the service model."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from sagespec.executor import answers, staleness
from sagespec.executor.answers import NEEDED, InvalidAnswer
from sagespec.executor.cloud_errors import CloudError
from sagespec.executor.runs import sorts

from tests.conftest import ROOT

SERVICES = ("sagemaker", "s3", "lambda", "iam", "sts", "logs", "bedrock", "bedrock-agentcore-control", "ecr")
CODE = sorted(
    [
        *(ROOT / "compiler" / "sagespec" / "executor").rglob("*.py"),
        *(ROOT / "compiler" / "sagespec" / "cli").glob("*.py"),
    ]
)
ANSWERS = ROOT / "compiler" / "sagespec" / "executor" / "answers.py"
OURS = {"checked", "parameters"}
"""What variables of ours are called that hold members of requests."""
PROOF = {"ETag", "imageDigest"}
"""Members that nobody reads: they tell an answer of the service from another's."""


@cache
def outputs() -> dict[str, Any]:
    """The shapes of answers by operation, of the services that we ask."""
    session = botocore.session.Session()
    found: dict[str, Any] = {}
    for service in SERVICES:
        model = session.get_service_model(service)
        for name in model.operation_names:
            found.setdefault(name, model.operation_model(name).output_shape)
    return found


class _WithoutTables(ast.NodeTransformer):
    """Leaves out what a module says that it relies on: that is no use of it."""

    def visit_Call(self, node: ast.Call) -> ast.AST | None:
        return None if getattr(node.func, "id", "") == "rely_on" else self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if self.visit(node.value) is None else node


def tabled(file: Path) -> set[str]:
    """The operations that a module has a table of its own for."""
    calls = [node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Call)]
    tables = [node.args[0] for node in calls if getattr(node.func, "id", "") == "rely_on"]
    return {
        str(ast.literal_eval(key)) for table in tables if isinstance(table, ast.Dict) for key in table.keys if key
    }


def texts(file: Path) -> set[str]:
    tree = _WithoutTables().visit(ast.parse(file.read_text("utf-8")))
    return {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def operations(file: Path) -> set[str]:
    return texts(file) & outputs().keys()


def subscripts(file: Path) -> set[str]:
    """Names of members that a file takes for there: `answer["Member"]`."""
    return {
        node.slice.value
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Load)
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
        and root(node) not in OURS
    }


def root(node: ast.expr) -> str:
    """The variable that something is a part of."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return getattr(node, "id", "")


def members(shape: Any, seen: tuple[str, ...] = ()) -> Iterator[str]:
    """The names of all members in a shape, however deep."""
    if shape is None or shape.name in seen:
        return
    if shape.type_name == "structure":
        yield from shape.members
    inner = {"structure": "members", "list": "member", "map": "value"}.get(shape.type_name)
    found = getattr(shape, inner) if inner else {}
    for one in found.values() if isinstance(found, dict) else [found]:
        yield from members(one, (*seen, shape.name))


def needed(operation: str) -> set[str]:
    return {name.removesuffix("?") for path in NEEDED[operation] for name in path.split(".")}


def test_the_table_has_the_operations_that_we_call_and_no_others() -> None:
    used = set().union(*(operations(file) for file in CODE if file.stem != "answers"))
    assert used == set(NEEDED)


def test_an_operation_has_its_needs_where_it_is_called() -> None:
    """In the module that calls it, and in the table of all where several do."""
    tables = {file: tabled(file) for file in CODE if tabled(file)}
    assert len(tables) == len(sorts.BY_NAME)
    for file, own in tables.items():
        elsewhere = set().union(*(operations(other) for other in CODE if other not in (file, ANSWERS)))
        assert own <= operations(file) - elsewhere - (texts(ANSWERS) - set(answers.DOCUMENTS))


@pytest.mark.parametrize("file", CODE, ids=lambda f: f"{f.parent.name}-{f.stem}")
def test_what_is_taken_for_there_is_needed(file: Path) -> None:
    called = operations(file) if file.stem != "answers" else set()
    for name in subscripts(file):
        having = [operation for operation in called if name in set(members(outputs()[operation]))]
        assert not having or any(name in needed(o) for o in having), f"{name}: of {having} none needs it"


def test_what_is_needed_is_used_and_known_to_the_service_model() -> None:
    used = set().union(*(texts(file) for file in CODE if file.stem != "answers"))
    for operation, paths in NEEDED.items():
        for path in paths:
            shape = outputs()[operation]
            for name in path.split("."):
                shape = shape.member if shape.type_name == "list" else shape
                shape = shape.members[name.removesuffix("?")]
            assert path.rpartition(".")[2].removesuffix("?") in used | PROOF, f"{operation}: {path}"
    for operation, name in answers.DOCUMENTS.items():
        assert outputs()[operation].members[name].type_name == "string"
        assert name in NEEDED[operation]


def test_every_list_that_is_paged_must_be_there() -> None:
    for operation in (name for name in NEEDED if name.startswith(("List", "Filter"))):
        lists = [n for n, shape in outputs()[operation].members.items() if shape.type_name == "list"]
        assert operation == "ListObjectsV2" or set(lists) & needed(operation), operation  # S3 leaves empty ones out


def http(operation: str, body: bytes, status: int = 200, protocol: str = "json", **headers: str) -> None:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    answers.check_http(
        operation, protocol, outputs()[operation], {"status_code": status, "headers": given, "body": body}
    )


@pytest.mark.parametrize(
    ("operation", "protocol", "status", "body", "said"),
    [
        ("ListJobs", "json", 200, b"<html><body>Please sign in</body></html>", "an HTML page"),
        ("ListJobs", "json", 200, b"\n<!DOCTYPE html><html>", "an HTML page"),
        ("GetCallerIdentity", "query", 200, b"<!-- proxy --><html></html>", "an HTML page"),
        ("ListJobs", "json", 200, b"", "is empty"),
        ("ListJobs", "json", 200, b'{"JobSummaries": [', "not JSON, or cut short"),
        ("StopJob", "json", 200, b"sign in", "not JSON"),
        ("ListJobs", "json", 200, b"[" * 100_000, "nested too deeply"),
        ("ListJobs", "json", 200, b'{"a": ' + b"[" * 500 + b"]" * 500 + b"}", "nested too deeply"),
        ("ListJobs", "json", 200, b"[]", "not a JSON object"),
        ("ListJobs", "json", 200, b"\xff{}", "not JSON"),
        ("DescribeJob", "json", 404, b"Not Found", "is not JSON"),
        ("DescribeJob", "json", 404, b'{"message": "no route"}', "without an error code of the service"),
        ("DescribeJob", "json", 400, b'{"__type": "ResourceNotFound", "mess', "not JSON"),
        ("DescribeJob", "json", 302, b"", "without an error code of the service"),
        ("GetObject", "rest-xml", 404, b"<Error><Code>NoSuchKey</Code><Mess", "without an error code of the service"),
        ("ListObjectsV2", "rest-xml", 404, b"", "without an error code of the service"),
        ("GetCallerIdentity", "query", 403, b"Forbidden", "without an error code of the service"),
    ],
)
def test_what_is_no_answer(operation: str, protocol: str, status: int, body: bytes, said: str) -> None:
    with pytest.raises(InvalidAnswer, match=said):
        http(operation, body, status, protocol)


def test_less_than_was_announced_is_no_answer() -> None:
    with pytest.raises(InvalidAnswer, match="cut short: 2 of 20 bytes"):
        http("ListJobs", b"{}", content_length="20")


@pytest.mark.parametrize(
    ("status", "headers"), [(200, {"content_type": "text/html"}), (404, {"content_type": "text/html"}), (301, {})]
)
def test_heads_that_s3_has_not_sent(status: int, headers: dict[str, str]) -> None:
    with pytest.raises(InvalidAnswer):
        http("HeadBucket", b"", status, "rest-xml", **headers)
    proof = {"x_amz_request_id": "7", "x_amz_bucket_region": "eu-west-1"}
    http("HeadBucket", b"", status, "rest-xml", **headers, **proof)


def test_refusals_in_the_words_of_the_service_are_answers() -> None:
    http("DescribeJob", b'{"__type": "ResourceNotFound"}', 400)
    http("DescribeJob", b"", 400, x_amzn_errortype="ResourceNotFound")
    http("GetObject", b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>', 404, "rest-xml")
    http("DeletePipeline", b"{}")
    http("StopJob", b"")


@pytest.mark.parametrize(
    ("operation", "answer", "said"),
    [
        ("ListJobs", {}, "JobSummaries.CreationTime is missing"),
        ("ListJobs", {"JobSummaries": [{"JobName": "a"}]}, "JobSummaries.CreationTime is missing"),
        ("ListJobs", {"JobSummaries": {}}, "JobSummaries is not a list"),
        ("ListJobs", {"JobSummaries": [None]}, "JobSummaries is not an object"),
        ("ListJobs", {"JobSummaries": [], "NextToken": 7}, "NextToken is not text"),
        ("ListTags", {"Tags": [{"Key": "a", "Value": {}}]}, "Tags.Value is not text"),
        ("StartPipelineExecution", {"PipelineExecutionArn": None}, "is not text"),
        ("DescribePipelineDefinitionForExecution", {"PipelineDefinition": "{"}, "PipelineDefinition is not JSON"),
        ("DescribePipelineDefinitionForExecution", {"PipelineDefinition": "[]"}, "is not a JSON object"),
        ("DescribePipelineDefinitionForExecution", {"PipelineDefinition": "[" * 9999}, "nested too deeply"),
        ("DescribePipelineDefinitionForExecution", {"PipelineDefinition": '{"a": NaN}'}, "NaN is not a number"),
        ("DescribePipelineDefinitionForExecution", {"PipelineDefinition": '{"a": -1e999}'}, "1e999 is not a number"),
        ("DescribePipelineDefinitionForExecution", {"PipelineDefinition": '{"a": 1, "a": 1}'}, "is given twice"),
        ("FilterLogEvents", {"events": [{"timestamp": 2**70}]}, "events.timestamp is not a whole number"),
        (
            "GetRole",
            {"Role": {"Arn": "a", "AssumeRolePolicyDocument": "%7B"}},
            "AssumeRolePolicyDocument is not JSON",
        ),
    ],
)
def test_members_that_are_missing_or_of_another_type(operation: str, answer: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidAnswer, match=said):
        answers.check_members(operation, outputs()[operation], answer)


def test_what_may_be_missing_may_be_missing() -> None:
    answers.check_members("ListObjectsV2", outputs()["ListObjectsV2"], {"IsTruncated": False})
    with pytest.raises(InvalidAnswer, match=r"Contents\?\.Key is missing"):
        answers.check_members("ListObjectsV2", outputs()["ListObjectsV2"], {"IsTruncated": False, "Contents": [{}]})


def test_an_answer_whose_only_member_is_its_number_has_no_body() -> None:
    http("DeleteFunction", b"", 204, "rest-json")
    with pytest.raises(InvalidAnswer):
        http("GetFunction", b"", 200, "rest-json")


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": 1, "a": 2}', "{", "[" * 9999, ""])
def test_a_document_in_what_ran_is_read_like_any_other(text: str) -> None:
    wanted = {"Steps": [{"Arguments": {"JobConfigDocument": {"$json": {"a": {"$output": "X/y.Z"}}}}}]}
    with pytest.raises(CloudError, match="AWS's answer is malformed") as told:
        list(staleness._used(wanted, {"Steps": [{"Arguments": {"JobConfigDocument": text}}]}))
    assert told.value.is_passing
