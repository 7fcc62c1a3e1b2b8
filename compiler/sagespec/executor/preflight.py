"""Check that the resources that files need exist, before anything is sent and costs money.

In: files that have not run, also those that wait for others. Out: the obstacles of each. Each resource is looked up
once. One that the caller may not look at may exist, and is no obstacle.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NamedTuple

from sagespec import arn
from sagespec.diagnostics import KeyPath, Problem
from sagespec.executor import needs, trust
from sagespec.executor.cloud import Cloud, CloudError
from sagespec.executor.files import File
from sagespec.executor.lookahead import at_once
from sagespec.executor.needs import Need, Sort
from sagespec.executor.resources import Shelf
from sagespec.sagemaker import images, permissions

Asked = tuple[str, str, Sort, str]
"""Account, region, sort and name of a needed resource."""
_UP = 3
"""How many parent folders are searched for a similar name."""
_ELSEWHERE = {"301", "PermanentRedirect"}
"""S3's codes for a bucket in another region."""
_NO_ANSWER = {"400"}
"""S3's code for unknown callers, without a body."""


@dataclass(frozen=True)
class Obstacle:
    """A resource, existing or missing, that prevents a file from being applied, with a hint.

    `path` is the key path in the parameters of `request` that names it, if there is one; `problem` is set if a rule
    of its own reports it.
    """

    reason: str
    hint: str = ""
    request: str = ""
    path: KeyPath = ()
    problem: Problem | None = None


class _Role(NamedTuple):
    """What is wrong with the name of a role, and its trust policy, as far as it is known."""

    missing: tuple[str, str] | None = None
    trust: Any = None


def check(cloud: Cloud, files: Sequence[File], known: Iterable[File]) -> dict[str, tuple[Obstacle, ...]]:
    """Look up what files need; return the missing resources by address.

    Groups that `known` files create are skipped: they may exist without being shown yet. Objects are looked up after
    their buckets. Raises CloudError.
    """
    made = {(f.content.region, g) for f in known for g in _groups(f)}
    wanted: dict[str, dict[Asked, Need]] = {file.address: {} for file in files}
    for file in files:
        for need in needs.of(file):
            if (file.content.region, arn.name(need.name)) not in made or need.sort != "group":
                asked = (file.content.account, file.content.region, need.sort, need.name)
                wanted[file.address].setdefault(asked, need)
    everything = dict.fromkeys(asked for asks in wanted.values() for asked in asks)
    inside = [asked for asked in everything if asked[2] in ("object", "prefix")]
    roles = at_once([asked for asked in everything if asked[2] == "role"], lambda asked: _role(cloud, asked))
    alone = [asked for asked in everything if asked not in inside and asked not in roles]
    answers = at_once(alone, lambda asked: _missing(cloud, asked)) | {asked: roles[asked].missing for asked in roles}
    there = [asked for asked in inside if not any(answers.get(bucket) for bucket in _buckets(asked))]
    answers |= at_once(there, lambda asked: _missing(cloud, asked))
    by_address: defaultdict[str, list[Obstacle]] = defaultdict(list)
    for address, asks in wanted.items():
        for asked, need in asks.items():
            if missing := answers.get(asked):
                by_address[address].append(Obstacle(*missing, need.request, need.path))
    for file in files:
        by_address[file.address] += _untrusted(file, roles)
    return {address: tuple(obstacles) for address, obstacles in by_address.items()}


def _buckets(asked: Asked) -> list[Asked]:
    """Return the needs of the bucket of an S3 URI."""
    account, region, _, uri = asked
    return [(account, region, sort, arn.s3_location(uri)[0]) for sort in _BUCKETS]


_BUCKETS: tuple[Sort, ...] = ("bucket", "own bucket")


def _groups(file: File) -> Iterable[str]:
    """Return the model package groups that a file creates itself."""
    return (r.parameters["ModelPackageGroupName"] for r in file.requests if r.operation == "CreateModelPackageGroup")


def _untrusted(file: File, roles: Mapping[Asked, _Role]) -> Iterator[Obstacle]:
    """Return the roles that a file passes to services that may not assume them; each role is reported once."""
    account, region = file.content.account, file.content.region
    found: dict[str, tuple[str, KeyPath, dict[str, tuple[str, ...]]]] = {}
    for request in file.requests:
        for role, service, path in permissions.passed(request):
            known = roles.get((account, region, "role", role), _Role())
            if lacks := trust.lacking(known.trust, service, permissions.entry("trust", service), account):
                found.setdefault(role, (request.id, path, {}))[2][service] = lacks
    for role, (request_id, path, lacking) in found.items():
        said = " nor ".join(f"{service} call {' and '.join(actions)}" for service, actions in lacking.items())
        reason = f"the trust policy of role {arn.name(role)} does not let {said}"
        purpose = "agent" if {*lacking} == {"lambda.amazonaws.com"} else "execution"
        hint = f"set the trust policy that `sagespec iam-policy {file.address} --for {purpose} -o trust` prints"
        yield Obstacle(reason, hint, request_id, path, Problem("role-trust", reason))


def _missing(cloud: Cloud, asked: Asked) -> tuple[str, str] | None:
    """Return what is missing, with a hint; None where it exists or that cannot be determined."""
    account, region, sort, name = asked
    shelf = Shelf(cloud, region)
    try:
        if sort == "bucket":
            return _bucket(shelf, name)
        if sort == "own bucket":
            return _own_bucket(shelf, account, name)
        if sort in ("object", "prefix"):
            return _data(shelf, sort, name)
        if sort == "image":
            return _image(shelf, account, name)
        if sort in ("runtime", "mlflow"):
            return _endpoint(shelf, account, sort, name)
        return _resource(shelf, sort, name)
    except CloudError as error:
        return _told(error, name)


def _told(error: CloudError, name: str) -> tuple[str, str] | None:
    """Return what an error says of a resource; None where it cannot be determined.

    Raises the error where it is not about the name.
    """
    if error.is_denied or error.code in _NO_ANSWER:
        return None
    if not error.is_of_request:
        raise error
    return f"{name} cannot be looked up: {error}", error.hint or "name another"


def _own_bucket(shelf: Shelf, account: str, name: str) -> tuple[str, str] | None:
    """Check a bucket that must belong to the account.

    Without the owner, S3 tells whether the bucket exists at all.
    """
    try:
        return _bucket(shelf, name, ExpectedBucketOwner=account)
    except CloudError as error:
        if not error.is_denied:
            raise
    hint = "somebody else has made a bucket of this name: name one of your own as default_bucket"
    return _bucket(shelf, name) or (f"bucket {name} is not of account {account}", hint)


def _bucket(shelf: Shelf, name: str, **owner: str) -> tuple[str, str] | None:
    try:
        described = shelf.look("s3", "HeadBucket", Bucket=name, **owner)
    except CloudError as error:
        if error.code not in _ELSEWHERE:
            raise
        return f"bucket {name} is not in {shelf.region}", _SAME_REGION
    if described is None:
        return f"there is no bucket {name}", "create the bucket first; sagespec never does"
    where = described.get("BucketRegion") or shelf.region
    return None if where == shelf.region else (f"bucket {name} is in {where}, not in {shelf.region}", _SAME_REGION)


_SAME_REGION = "SageMaker takes buckets of the job's own region: name another bucket, or run the job there"


def _data(shelf: Shelf, sort: str, uri: str) -> tuple[str, str] | None:
    bucket, key = arn.s3_location(uri)
    if sort == "object" and _is_object(shelf, bucket, key):
        return None
    # a folder may be named like a file; the empty object that marks a folder is no data
    listed = shelf.call("s3", "ListObjectsV2", Bucket=bucket, Prefix=key + "/" * (sort == "object"), MaxKeys=2)
    if any(not entry["Key"].endswith("/") for entry in listed.get("Contents", ())):
        return None
    near = _near(shelf, bucket, key)
    reason = f"there is no object {uri}" if sort == "object" else f"there is nothing at {uri}"
    return reason, f"did you mean s3://{bucket}/{near}?" if near else "upload the data first"


def _is_object(shelf: Shelf, bucket: str, key: str) -> bool:
    """Return whether an object of this key exists.

    Where S3 refuses without a reason, False, and the list tells more.
    """
    try:
        return shelf.look("s3", "HeadObject", Bucket=bucket, Key=key) is not None
    except CloudError as error:
        if error.code in _NO_ANSWER:
            return False
        raise


def _near(shelf: Shelf, bucket: str, key: str) -> str:
    """Return an existing key with a similar name: other case, with or without a slash, or misspelt; else ''."""
    steps = key.strip("/").split("/")
    for depth in range(len(steps) - 1, max(-1, len(steps) - 1 - _UP), -1):
        folder = "".join(f"{step}/" for step in steps[:depth])
        answer = shelf.call("s3", "ListObjectsV2", Bucket=bucket, Prefix=folder, Delimiter="/", MaxKeys=1000)
        listed = [entry["Key"] for entry in answer.get("Contents", ())]
        listed += [entry.get("Prefix", folder) for entry in answer.get("CommonPrefixes", ())]
        names = {whole[len(folder) :].rstrip("/").lower(): whole for whole in listed if whole not in (folder, key)}
        if names:
            return "".join(names[name] for name in get_close_matches(steps[depth].lower(), names, n=1))
    return ""


def _role(cloud: Cloud, asked: Asked) -> _Role:
    """Describe a role of the account; roles of other accounts are not looked up."""
    account, region, _, role = asked
    parsed = arn.parse(role)
    if parsed is None or parsed.account != account:
        return _Role()
    name = arn.name(role)
    try:
        described = Shelf(cloud, region).look("iam", "GetRole", RoleName=name)
    except CloudError as error:
        return _Role(_told(error, role))
    if described is None:
        return _Role((f"there is no role {name} in account {account}", "create the role first, or name another"))
    there = str(described["Role"]["Arn"])
    if there != role:
        return _Role((f"role {name} is {there}, not {role}", "name it by its path, too"))
    return _Role(trust=described["Role"].get("AssumeRolePolicyDocument"))


def _image(shelf: Shelf, account: str, address: str) -> tuple[str, str] | None:
    """Check an image of the account's own registry; others, such as AWS's, cannot be looked up."""
    image = images.parse(address)
    if image is None or (image.account, image.region) != (account, shelf.region):
        return None
    given = {"registryId": account, "repositoryName": image.repository, "imageIds": [image.id]}
    try:
        shelf.call("ecr", "DescribeImages", **given)
        return None
    except CloudError as error:
        if not error.is_missing:
            raise
        reason = f"there is no image {address}"
        if error.code == "RepositoryNotFoundException":
            reason = f"there is no repository {image.repository} in ECR of account {account}"
    pages = shelf.cloud.pages("ecr", "DescribePullThroughCacheRules", "pullThroughCacheRules", shelf.region)
    cached = [str(rule["ecrRepositoryPrefix"]) for page in pages for rule in page]
    if any(prefix == "ROOT" or image.repository.startswith(f"{prefix}/") for prefix in cached):
        return None  # a pull-through cache: ECR fetches it at the first pull
    return reason, "push the image first, or name another"


def _endpoint(shelf: Shelf, account: str, sort: Sort, name: str) -> tuple[str, str] | None:
    """Check an AgentCore runtime, MLflow app or tracking server of the account; deleted ones do not exist."""
    parsed, last = arn.parse(name), arn.name(name)
    if parsed is None or (parsed.account, parsed.region) != (account, shelf.region):
        return None
    if sort == "runtime":
        described = shelf.look("bedrock-agentcore-control", "GetAgentRuntime", agentRuntimeId=last)
        status, what, hint = "status", "agent runtime", "see `sagespec catalog runtimes`"
    elif parsed.resource.startswith("mlflow-app/"):
        described = shelf.look("sagemaker", "DescribeMlflowApp", Arn=name)
        status, what, hint = "Status", "MLflow app", "create the app first, or name another"
    else:
        described = shelf.look("sagemaker", "DescribeMlflowTrackingServer", TrackingServerName=last)
        status, what, hint = "TrackingServerStatus", "MLflow tracking server", "create it first, or name another"
    if described is not None and str(described.get(status)).upper() not in _GONE:
        return None
    return f"there is no {what} {last}{'' if described is None else ' any more'}", hint


_GONE = {"DELETED", "DELETING"}
_OPERATIONS = {
    "function": ("lambda", "GetFunction", "FunctionName", "function"),
    "group": ("sagemaker", "DescribeModelPackageGroup", "ModelPackageGroupName", "model package group"),
    "package": ("sagemaker", "DescribeModelPackage", "ModelPackageName", "model package"),
}
_WAYS = {
    "function": "create the function first, or describe it with a CustomAgentLambda that has a source",
    "group": "create the group first, or name another",
    "package": "name another, or refer to the spec that makes it",
}


def _resource(shelf: Shelf, sort: str, name: str) -> tuple[str, str] | None:
    """Check a function, group, package or hub content by its ARN."""
    if sort == "content":
        of = arn.hub_content(name)
        if of is None:
            return None
        version = {"HubContentVersion": of.version} if of.version else {}
        given = {"HubName": of.hub, "HubContentType": of.type, "HubContentName": of.name, **version}
        described = shelf.look("sagemaker", "DescribeHubContent", **given)
        what = f"{of.type} {of.name}{f' of version {of.version}' if of.version else ''} in hub {of.hub}"
        return None if described else (f"there is no {what}", "import it into the hub first")
    service, operation, member, what = _OPERATIONS[sort]
    described = shelf.look(service, operation, **{member: name})
    return None if described else (f"there is no {what} {name}", _WAYS[sort])
