"""IAM, as far as policies of ours need it: whether identity policies allow an action; and what calls ask of it.

In: policies, and requests as they came over HTTP. What a call asks is worked out from the API alone, and from nothing
of the package under test: the resource from the members of the request, the rest from IAM's own reference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

ACCOUNT, REGION = "123456789012", "us-west-2"
SAGEMAKER = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0123abcd-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Asked:
    """An action on a resource, and the context keys that AWS has for it."""

    action: str
    resource: str
    context: tuple[tuple[str, str], ...] = ()


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern of IAM matches: `*` and `?` are wildcards, `${*}` is an asterisk."""
    return _read(pattern).fullmatch(text) is not None


@cache
def _read(pattern: str) -> re.Pattern[str]:
    """Read a pattern once: policies without one of their parts are tried by the thousand."""
    parts = re.split(r"(\$\{[*?$]\}|[*?])", pattern)
    wild = {"*": ".*", "?": "."}
    expression = "".join(wild.get(p) or re.escape(p[2] if re.fullmatch(r"\$\{.\}", p) else p) for p in parts)
    return re.compile(expression, re.DOTALL)


def allows(statement: Mapping[str, Any], asked: Asked) -> bool:
    context = dict(asked.context)
    return (
        any(matches(a.lower(), asked.action.lower()) for a in statement["Action"])
        and any(matches(r, asked.resource) for r in statement["Resource"])
        and all(
            key in context and any(_met(operator, value, context[key]) for value in _list(values))
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _met(operator: str, value: str, given: str) -> bool:
    if operator in ("StringEquals", "Bool"):
        return value == given
    assert operator == "StringLike", operator
    return matches(value, given)


def _list(values: Any) -> list[str]:
    return [values] if isinstance(values, str) else list(values)


def allowed(statements: Sequence[Mapping[str, Any]], asked: Asked) -> bool:
    return any(allows(statement, asked) for statement in statements)


@dataclass
class Heard:
    """A request as it came over HTTP."""

    service: str
    method: str
    path: str
    target: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def members(self) -> dict[str, Any]:
        try:
            members: dict[str, Any] = json.loads(self.body or b"{}")
        except ValueError:
            members = {name: values[0] for name, values in parse_qs(self.body.decode()).items()}
        return members


_BY_MEMBER = {
    "JobName": "job/{JobCategory}/{JobName}",
    "TrainingJobName": "training-job/{TrainingJobName}",
    "PipelineName": "pipeline/{PipelineName}",
    "ModelPackageGroupName": "model-package-group/{ModelPackageGroupName}",
    "PipelineExecutionArn": "",
    "ModelPackageName": "",
    "ResourceArn": "",
    "ArtifactArn": "",
    "Arn": "",
    "MlflowTrackingServerName": "mlflow-tracking-server/{}",
    "TrackingServerName": "mlflow-tracking-server/{TrackingServerName}",
}
"""The member of a request to SageMaker that names its resource; what is empty is an ARN by itself."""
_PASSED_TO = {"CreateJob": "job.sagemaker.amazonaws.com"}


def asked_by(heard: Heard, dictionary: Mapping[str, Any]) -> Iterator[Asked]:
    """What a request asks of IAM."""
    if heard.service == "s3":
        yield from _s3(heard)
    elif heard.service == "iam":
        yield Asked("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/{heard.members['RoleName']}")
    elif heard.service == "lambda":
        yield from _lambda(heard)
    elif heard.service == "logs":
        yield Asked(
            "logs:FilterLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{heard.members['logGroupName']}:*"
        )
    elif heard.service == "ecr":
        name = heard.members.get("repositoryName")
        resource = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}" if name else "*"
        yield Asked(f"ecr:{heard.target}", resource)
    elif heard.service == "bedrock":
        yield Asked("bedrock:ListFoundationModels", "*")
    elif heard.service == "bedrock-agentcore":
        runtime = urlsplit(heard.path).path.strip("/").partition("/")[2]
        resource = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:runtime/{runtime}" if runtime else "*"
        yield Asked(f"bedrock-agentcore:{'Get' if runtime else 'List'}AgentRuntime{'' if runtime else 's'}", resource)
    elif heard.service == "sagemaker":
        yield from _sagemaker(heard, dictionary)
    else:
        assert heard.service == "sts", heard  # needs no permission


def _sagemaker(heard: Heard, dictionary: Mapping[str, Any]) -> Iterator[Asked]:
    given, action = heard.members, f"sagemaker:{heard.target}"
    if not dictionary[action]["resources"]:
        yield Asked(action, "*")
        return
    resources = list(_resources(heard.target, given))
    for resource in resources:
        yield Asked(action, resource)
    if given.get("Tags") and heard.target != "AddTags":
        yield Asked("sagemaker:AddTags", resources[0])
    if "RoleArn" in given:
        service = _PASSED_TO.get(heard.target, "sagemaker.amazonaws.com")
        yield Asked("iam:PassRole", given["RoleArn"], (("iam:PassedToService", service),))


def _resources(operation: str, given: Mapping[str, Any]) -> Iterator[str]:
    if "HubContent" in operation:
        owner = "aws" if given["HubName"] == "SageMakerPublicHub" else ACCOUNT
        yield f"arn:aws:sagemaker:{REGION}:{owner}:hub/{given['HubName']}"
        if "HubContentName" in given:
            content = f"{given['HubName']}/{given['HubContentType']}/{given['HubContentName']}"
            yield f"arn:aws:sagemaker:{REGION}:{owner}:hub-content/{content}"
    elif operation == "CreateArtifact":
        yield f"{SAGEMAKER}:artifact/0123456789abcdef"
    else:
        member = next(m for m in _BY_MEMBER if m in given)
        is_arn = str(given[member]).startswith("arn:")
        yield str(given[member]) if is_arn else f"{SAGEMAKER}:{_BY_MEMBER[member].format(**given)}"


def _lambda(heard: Heard) -> Iterator[Asked]:
    start = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
    if heard.path.startswith("/2017-03-31/tags/"):
        yield Asked("lambda:TagResource", unquote(heard.path.rpartition("/")[2]))
    elif heard.method == "POST":
        given = heard.members
        yield Asked("lambda:CreateFunction", start + given["FunctionName"])
        yield Asked("lambda:TagResource", start + given["FunctionName"])
        yield Asked("iam:PassRole", given["Role"], (("iam:PassedToService", "lambda.amazonaws.com"),))
    else:
        name = unquote(urlsplit(heard.path).path.rpartition("/")[2])
        verb = {"GET": "Get", "DELETE": "Delete"}[heard.method]
        yield Asked(f"lambda:{verb}Function", name if name.startswith("arn:") else start + name)


def _s3(heard: Heard) -> Iterator[Asked]:
    url = urlsplit(heard.path)
    bucket, _, key = unquote(url.path).lstrip("/").partition("/")
    query = parse_qs(url.query, keep_blank_values=True)
    owner = (("aws:ResourceAccount", "aws" if bucket.startswith("jumpstart-") else ACCOUNT),)
    if not key:
        prefix = (("s3:prefix", query["prefix"][0]),) if "prefix" in query else ()
        yield Asked("s3:ListBucket", f"arn:aws:s3:::{bucket}", (*owner, *prefix))
        return
    verb = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject"}[heard.method]
    yield Asked(f"s3:{verb}", f"arn:aws:s3:::{bucket}/{key}", owner)
    if heard.method == "HEAD":
        yield Asked("s3:ListBucket", f"arn:aws:s3:::{bucket}", owner)  # else what is absent looks forbidden
    if used := heard.headers.get("x-amz-server-side-encryption-aws-kms-key-id"):
        for action in ("kms:GenerateDataKey", "kms:Decrypt"):
            yield Asked(action, used, (("kms:ViaService", f"s3.{REGION}.amazonaws.com"),))
