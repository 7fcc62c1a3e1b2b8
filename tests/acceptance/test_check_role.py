"""`iam-policy --check-role`: whether IAM lets the roles do what jobs and agents need."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from sagespec.sandbox import Sandbox

from tests.acceptance.test_role_trust import ROLE, SPECS
from tests.conftest import Run

CHECK = ("iam-policy", "--check-role", "--for")
TRUST = ("--for", "execution", "-o", "trust")
INLINE = "needed"


@pytest.fixture
def policies(project: Path, aws: Sandbox, run: Run) -> list[dict[str, Any]]:
    """The policies that `iam-policy` prints, of the role of the specs, which exists and has them."""
    assert aws.url
    (project / "specs" / "a.yaml").write_text(SPECS, "utf-8")
    run("compile")
    (trust,) = (one["document"] for one in json.loads(run("iam-policy", *TRUST).stdout)["policies"])
    boto3.client("iam").create_role(RoleName="Trainer", Path="/team/", AssumeRolePolicyDocument=json.dumps(trust))
    printed = json.loads(run("iam-policy", "--for", "execution").stdout)["policies"]
    found: list[dict[str, Any]] = [policy["document"] for policy in printed if policy["role"] == ROLE]
    put(found)
    return found


def put(policies: list[dict[str, Any]]) -> None:
    for number, policy in enumerate(policies):
        boto3.client("iam").put_role_policy(
            RoleName="Trainer", PolicyName=f"{INLINE}{number}", PolicyDocument=json.dumps(policy)
        )


def parts(policies: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for policy in policies:
        for statement in policy["Statement"]:
            yield from ((action, resource) for action in statement["Action"] for resource in statement["Resource"])


def test_a_role_with_the_printed_policy_has_all_that_is_needed(policies: list[dict[str, Any]], run: Run) -> None:
    assert policies
    assert run(*CHECK, "execution").stdout == f"{ROLE}: has all that it needs\n"


def test_each_action_that_a_role_lacks_is_said_with_the_lines_that_need_it(
    policies: list[dict[str, Any]], run: Run
) -> None:
    """Every one of the printed actions, taken away from the role everywhere."""
    for lost in sorted({action for action, _ in parts(policies)}):
        without = json.loads(json.dumps(policies))
        for policy in without:
            for statement in policy["Statement"]:
                statement["Action"] = [action for action in statement["Action"] if action != lost]
            policy["Statement"] = [statement for statement in policy["Statement"] if statement["Action"]]
        put(without)
        first, *said = run(*CHECK, "execution", code=1).stdout.splitlines()
        assert first == f"{ROLE}: lacks what it needs"
        resources = {resource for action, resource in parts(policies) if action == lost}
        told = {line for line in said if not line.startswith("    for ")}
        assert told == {f"  not allowed: {lost} on {resource}" for resource in resources}
        assert len(said) > len(told)
    deny = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::my-bucket/output/*"}
    put([*policies, {"Version": "2012-10-17", "Statement": [deny]}])
    said = run(*CHECK, "execution", code=1).stdout.splitlines()
    assert "  denied: s3:PutObject on arn:aws:s3:::my-bucket/output/*" in said
    assert "    for MultiTurnRLTrainer/agent (specs/a.yaml:8)" in said


def test_a_condition_that_a_role_does_not_meet_counts(policies: list[dict[str, Any]], run: Run) -> None:
    for policy in policies:
        for statement in policy["Statement"]:
            if "s3:PutObject" in statement["Action"]:
                statement["Condition"] = {"StringEquals": {"aws:ResourceAccount": "999999999999"}}
    put(policies)
    assert "not allowed: s3:PutObject on arn:aws:s3:::my-bucket/" in run(*CHECK, "execution", code=1).stdout


def test_who_may_not_assume_a_role_and_a_role_that_there_is_not(policies: list[dict[str, Any]], run: Run) -> None:
    assert policies
    iam = boto3.client("iam")
    for number in range(len(policies)):
        iam.delete_role_policy(RoleName="Trainer", PolicyName=f"{INLINE}{number}")
    iam.delete_role(RoleName="Trainer")
    assert run(*CHECK, "execution", code=1).stdout == f"{ROLE}: lacks what it needs\n  there is no such role\n"
    service = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = {"Version": "2012-10-17", "Statement": [service]}
    iam.create_role(RoleName="Trainer", Path="/team/", AssumeRolePolicyDocument=json.dumps(trust))
    said = run(*CHECK, "execution", code=1).stdout
    assert said.splitlines()[1:] == [
        "  its trust policy does not let job.sagemaker.amazonaws.com call sts:AssumeRole and sts:TagSession"
    ]
    checked = run(*CHECK, "agent", code=1)
    assert "does not let lambda.amazonaws.com call sts:AssumeRole" in checked.stdout
    assert ":runtime/myRuntime-aBcDeFgHiJ: not checked, since it is not a role of this account" in checked.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("apply",), "--check-role is for execution and agent: which role runs apply is not known here"),
        (("execution", "--explain"), "--check-role prints what is lacking"),
        (("execution", "-o", "trust"), "--check-role prints what is lacking"),
    ],
)
def test_only_roles_are_checked_and_nothing_is_printed_besides(
    project: Path, run: Run, arguments: tuple[str, ...], said: str
) -> None:
    assert project
    assert said in run(*CHECK, *arguments, code=2).stderr
