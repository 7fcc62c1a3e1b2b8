"""The table of permissions has all that the code sends, and nothing else; text of specs stays literal in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from sagespec.documents import operations
from sagespec.executor import needs
from sagespec.executor.answers import NEEDED
from sagespec.executor.lock.lookup import SOURCES
from sagespec.executor.runs import sorts
from sagespec.review import permissions as review
from sagespec.sagemaker import permissions
from sagespec.sagemaker.permissions import Call, Unlisted, Value, escaped

from tests.conftest import ROOT

TABLE = permissions.table()
BY_LIBRARIES = {"ReadMlflow"}
"""What is no operation of ours: a library sends it."""
RESOURCES = {"mlflow-app", "mlflow-tracking-server"}
"""The needs of the sort `mlflow`, by their ARNs."""
PLACE = {"partition": "aws", "region": "us-west-2", "account": "123456789012"}
ADD = f"add what it needs of IAM to {permissions.FILE}:"


def test_every_operation_of_compiled_files_says_what_commands_send_for_it() -> None:
    assert sorts.BY_OPERATION
    missing = operations.services().keys() - TABLE["requests"].keys()
    assert not missing, f"{ADD} `requests` has no {sorted(missing)}"
    for name, sent in TABLE["requests"].items():
        assert set(sent) == {"plan", "apply", "track"}, f"{ADD} `requests.{name}` says it for each command"


def test_every_operation_that_is_called_has_its_actions() -> None:
    missing = NEEDED.keys() - TABLE["operations"].keys()
    assert not missing, f"{ADD} `operations` has no {sorted(missing)}"
    assert TABLE["operations"].keys() - NEEDED.keys() == BY_LIBRARIES, "nothing calls these"


def test_every_sort_of_need_and_fact_says_how_it_is_looked_up() -> None:
    wanted = {*get_args(needs.Sort), *RESOURCES} - {"mlflow"}
    assert TABLE["needs"].keys() == wanted, f"{ADD} `needs` differs by {sorted(wanted ^ TABLE['needs'].keys())}"
    facts = TABLE["facts"].keys() ^ SOURCES.keys()
    assert not facts, f"{ADD} `facts` differs by {sorted(facts)}"


def test_every_step_of_a_pipeline_says_what_it_sends() -> None:
    texts = " ".join(file.read_text("utf-8") for file in (ROOT / "templates").rglob("*.j2"))
    types = set(re.findall(r'"Type": "(\w+)"', texts)) - {"Action", "Artifact", "Context"}
    assert types <= TABLE["steps"].keys(), f"{ADD} `steps` has no {sorted(types - TABLE['steps'].keys())}"
    for step in TABLE["steps"].values():
        assert step["operation"] in TABLE["execution"], f"{ADD} `execution` has no {step['operation']}"


def forms(tree: Any) -> Iterator[str]:
    """The names of forms in a mapping of actions."""
    for named in tree.values():
        yield from [named] if isinstance(named, str) else named


def test_every_form_is_used_and_every_name_is_known() -> None:
    actions = [*TABLE["operations"].values(), *TABLE["execution"].values(), *TABLE["agent"].values()]
    used = {form for tree in actions for form in forms(tree)}
    assert used == TABLE["forms"].keys()
    sent = {str(o if isinstance(o, str) else o[0]) for listed in lists() for o in listed}
    assert sent == TABLE["operations"].keys()


def lists() -> Iterator[list[Any]]:
    for by_command in (*TABLE["requests"].values(), *TABLE["needs"].values()):
        yield from by_command.values()
    yield from TABLE["facts"].values()
    yield from TABLE["always"].values()
    yield TABLE["check-role"]
    yield from (step["sends"] for step in TABLE["steps"].values())


def test_every_passed_role_names_a_service_whose_trust_is_known() -> None:
    services = {
        form["conditions"]["StringEquals"]["iam:PassedToService"]
        for name, form in TABLE["forms"].items()
        if name.startswith("role-for-")
    }
    assert services == TABLE["trust"].keys()
    assert {name for sent in TABLE["operations"].values() for name in [sent.get("iam:PassRole")] if name} == {
        name for name in TABLE["forms"] if name.startswith("role-for-")
    }


def test_what_is_not_listed_says_where_to_add_it() -> None:
    with pytest.raises(Unlisted, match=re.escape("compiler/sagespec/data/permissions.json has no entry requests.X")):
        permissions.entry("requests", "X")
    assert (ROOT / permissions.FILE).is_file()
    assert set(review.OF_CALLER) == TABLE["always"].keys()


@pytest.mark.parametrize("text", ["a*b", "a?b", "${aws:username}", "$", "a${*}b"])
def test_text_is_literal(text: str) -> None:
    written = escaped(text)
    assert not re.search(r"(?<!\$\{)[*?]", written)
    assert re.sub(r"\$\{(.)\}", r"\1", written) == text


def test_a_resource_is_filled_from_parameters_at_any_depth() -> None:
    parameters = {
        "JobName": {"$identity": "line-"},
        "Deep": {"$json": {"Data": [{"S3Uri": "s3://b/k"}, {"S3Uri": {"Get": "Steps.X"}}, {"S3Uri": "s3://c/d/"}]}},
    }
    call = Call("K/a", "job", PLACE, parameters, {"JobCategory": Value("AgentRFT")})
    (job,) = permissions.granted(call, {"sagemaker:CreateJob": "job"})
    assert job.resource == "arn:aws:sagemaker:us-west-2:123456789012:job/AgentRFT/line-*"
    assert job.origin.paths == (("JobName",),)
    data = list(permissions.granted(call, {"s3:ListBucket": "data-listing", "s3:GetObject": "data"}))
    assert [(g.resource, g.conditions[-1].value) for g in data[:2]] == [
        ("arn:aws:s3:::b", "k*"),
        ("arn:aws:s3:::c", "d*"),
    ]
    assert [g.resource for g in data[2:]] == ["arn:aws:s3:::b/k*", "arn:aws:s3:::c/d*"]
    assert not list(permissions.granted(call, {"kms:Decrypt": "key-of-output"}))
