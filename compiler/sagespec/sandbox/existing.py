"""Create resources that exist besides those of a lock: what specs refer to and others have made.

In: names: `s3://` URIs of buckets, objects and prefixes, addresses of images, and ARNs of roles, functions, groups,
hub contents, agent runtimes, MLflow apps and tracking servers. Refuses other ARNs.
"""

from __future__ import annotations

import json

from sagespec import arn
from sagespec.sagemaker import images
from sagespec.sandbox import hub_contents, mlflow_servers, neighbours, registry
from sagespec.sandbox.service import CREATED, MOTO, Region

MARK = "data.jsonl"
"""The object that stands for all that is below a prefix."""
TRUST = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"],
"Principal": {"Service": ["sagemaker.amazonaws.com", "job.sagemaker.amazonaws.com", "lambda.amazonaws.com"]}}]}"""


def create(region: Region, name: str) -> None:
    """Create a resource unless it exists.

    Raises ValueError for a name of another form.
    """
    parsed = arn.parse(name)
    if name.startswith("s3://"):
        bucket, slash, key = name[5:].partition("/")
        _bucket(region, bucket)
        if slash and key:
            neighbours.put_object(region, bucket, key + MARK if key.endswith("/") else key, b"{}\n")
    elif parsed and parsed.service == "iam" and parsed.resource.startswith("role/"):
        role(region, name)
    elif parsed and parsed.service == "lambda" and parsed.resource.startswith("function:"):
        _function(region, parsed.resource.split(":")[1])
    elif parsed and parsed.service == "sagemaker" and parsed.resource.startswith("model-package-group/"):
        _group(region, name)
    elif parsed and parsed.service == "bedrock-agentcore" and parsed.resource.startswith("runtime/"):
        region.facts.setdefault("agent_runtimes", {}).setdefault(arn.name(name), name)
    elif parsed and parsed.service == "sagemaker" and parsed.resource.startswith("mlflow-"):
        mlflow_servers.add(region, name)
    elif image := images.parse(name):
        if image.account == region.account:
            neighbours.push_image(region, image)
    elif content := arn.hub_content(name):
        hub_contents.add(region.at(CREATED), content)
    else:
        raise ValueError(f"{name!r} is {_KNOWN}")


_KNOWN = (
    "neither an s3:// URI, nor an image of ECR, nor the ARN of a role, function, group, hub content, agent runtime, "
    "MLflow app or tracking server"
)


def _bucket(region: Region, name: str) -> None:
    from moto.backends import get_backend

    s3 = get_backend("s3")[region.account][region.partition]
    if name not in s3.buckets:
        s3.create_bucket(name, region.region)


def role(region: Region, name: str) -> None:
    """Create a role that services may assume, with the path in its ARN."""
    from moto.backends import get_backend

    iam = get_backend("iam")[region.account][region.partition]
    path, _, last = name.partition(":role")[2].rpartition("/")
    if not any(known.name == last for known in iam.roles.values()):
        iam.create_role(last, TRUST, f"{path}/", None, "", [], "3600")


def _function(region: Region, name: str) -> None:
    from moto.backends import get_backend

    functions = get_backend("lambda")[region.account][region.region]
    known = region.at(CREATED).table("functions")
    if name in known:
        return
    given = {
        "FunctionName": name,
        "Runtime": "python3.12",
        "Role": f"arn:{region.partition}:iam::{region.account}:role/LambdaRole",
        "Handler": "lambda_function.handler",
        "Code": {"ZipFile": ""},
    }
    with MOTO:
        configuration = json.loads(json.dumps(functions.create_function(given).get_configuration()))
    known[name] = {"Configuration": configuration, "Code": {}, "Tags": {}, "Listed": configuration}


def _group(region: Region, name: str) -> None:
    group = arn.name(name)
    if group not in region.table("groups"):
        registry.create_model_package_group(region.at(CREATED), {"ModelPackageGroupName": group})
