"""Trust policies in every form that IAM accepts: what only AWS can tell is no error."""

from __future__ import annotations

from typing import Any

import pytest
from sagespec.executor import trust

JOB, ACCOUNT = "job.sagemaker.amazonaws.com", "123456789012"
OTHERS = "999999999999"


def statement(effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Principal": {"Service": JOB}, "Action": "sts:AssumeRole", **more}


def of(**more: Any) -> list[dict[str, Any]]:
    return [statement(Condition=more)]


ANYBODY: dict[str, Any] = {"Principal": {"AWS": ["*"]}}
LEFT_OUT = {key: value for key, value in statement().items() if key != "Principal"}
ENOUGH: list[Any] = [
    statement(),
    [statement(Principal="*")],
    [statement(**ANYBODY)],
    [statement(Action=["STS:assume*"])],
    [{**LEFT_OUT, "NotPrincipal": {"Service": "lambda.amazonaws.com"}}],
    [statement(), statement("Deny", **ANYBODY)],
    [statement(), {**LEFT_OUT, "Effect": "Deny", "NotPrincipal": {"Service": JOB}}],
    [statement(), {**LEFT_OUT, "Effect": "Deny", "NotPrincipal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}],
    [statement(), statement("Deny", Condition={"Bool": {"aws:SecureTransport": "false"}})],
    of(Null={"aws:SourceAccount": "false"}),
    of(StringNotEquals={"aws:SourceAccount": ACCOUNT}),
    of(StringEqualsIfExists={"aws:sourceaccount": [OTHERS, ACCOUNT]}),
    of(StringEquals={"aws:SourceAccount": 123456789012}),
    of(StringLike={"aws:SourceAccount": "${aws:PrincipalAccount}"}),
    of(ArnLike={"aws:SourceArn": f"arn:aws:sagemaker:us-west-2:{ACCOUNT}:*"}),
    of(ArnLike={"aws:SourceArn": "arn:aws:sagemaker:*"}),
    of(ArnLike={"aws:SourceArn": "*"}),
    of(**{"ForAnyValue:StringEquals": {"aws:SourceAccount": [ACCOUNT]}}),
    of(StringEquals="odd"),
    None,
    [],
    "odd",
    [3, None],
]
LACKING: list[Any] = [
    [statement(Principal={"Service": ["lambda.amazonaws.com"]})],
    [{**LEFT_OUT, "NotPrincipal": {"Service": [JOB]}}],
    [statement(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})],
    [statement(), statement("Deny")],
    [statement(), statement("Deny", Principal="*")],
    [statement("allow")],
    [statement(NotAction="sts:*", Action=None)],
    of(StringEquals={"aws:SourceAccount": OTHERS}),
    of(**{"ForAllValues:StringLike": {"AWS:SourceAccount": f"{OTHERS[:4]}*"}}),
    of(ArnEquals={"aws:SourceArn": f"arn:aws:sagemaker:us-west-2:{OTHERS}:x/y"}),
    [LEFT_OUT],
]


@pytest.mark.parametrize("statements", ENOUGH)
def test_what_may_be_allowed_is_no_error(statements: Any) -> None:
    assert trust.lacking({"Statement": statements}, JOB, ["sts:AssumeRole"], ACCOUNT) == ()


@pytest.mark.parametrize("statements", LACKING)
def test_what_is_surely_not_allowed_is_an_error(statements: Any) -> None:
    assert trust.lacking({"Statement": statements}, JOB, ["sts:AssumeRole"], ACCOUNT) == ("sts:AssumeRole",)


@pytest.mark.parametrize("policy", [None, "", "{", 3, [], {}, {"Statement": 3}])
def test_what_is_no_policy_says_nothing(policy: Any) -> None:
    assert trust.lacking(policy, JOB, ["sts:AssumeRole"], ACCOUNT) == ()
