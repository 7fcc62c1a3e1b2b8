"""Check that an answer of AWS is well-formed.

In: an HTTP response, and the service model's shape for it. Refuses pages of proxies, bodies that were cut short, and
members that are missing or have a wrong type. botocore accepts nearly all of these as an answer without members,
which would be read as "nothing exists".
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import MAXYEAR, MINYEAR, datetime
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

from sagespec.reading.strict_json import DoubledKey, NotANumber, no_number, once

MOST_DEPTH = 200
"""The deepest nesting of an answer that is accepted; no service nests as deeply."""
MALFORMED = (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)
"""The exceptions of botocore's parsers for malformed input."""
_HTML = re.compile(rb"\s*(<!--.*?-->\s*)*<(!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL)
ERROR = 300
"""The lowest HTTP status of a failure."""
_REDIRECT = range(300, 400)
_IDS = {"x-amz-request-id", "x-amzn-requestid"}
"""Request ids of AWS; some S3-compatible services send the content type HTML for an empty body."""
_LARGEST = 2**63

NEEDED: dict[str, tuple[str, ...]] = {
    "AddTags": (),
    "CreateArtifact": ("ArtifactArn",),
    "CreateHub": ("HubArn",),
    "CreateModelPackageGroup": ("ModelPackageGroupArn",),
    "CreatePipeline": ("PipelineArn",),
    "CreatePresignedMlflowAppUrl": ("AuthorizedUrl",),
    "CreatePresignedMlflowTrackingServerUrl": ("AuthorizedUrl",),
    "DeleteArtifact": (),
    "DescribeHub": ("HubArn", "HubName", "HubStatus"),
    "DescribeHubContent": ("HubContentArn", "HubContentDocument", "HubContentVersion"),
    "DescribeImages": ("imageDetails.imageDigest",),
    "DescribeJob": (
        "CreationTime",
        "JobArn",
        "JobCategory",
        "JobConfigDocument",
        "JobName",
        "JobStatus",
        "LastModifiedTime",
        "RoleArn",
        "SecondaryStatus",
        "SecondaryStatusTransitions.Status",
    ),
    "DescribeJobSchemaVersion": ("JobConfigSchema",),
    "DescribeMlflowApp": ("Arn", "Status?"),
    "DescribeMlflowTrackingServer": ("TrackingServerName", "TrackingServerStatus?"),
    "DescribeModelPackage": (
        "InferenceSpecification?.Containers?.BaseModel?.HubContentName?",
        "ModelPackageGroupName?",
    ),
    "DescribeModelPackageGroup": ("ModelPackageGroupArn",),
    "DescribePipeline": ("CreationTime", "PipelineArn", "PipelineDefinition", "PipelineName", "RoleArn"),
    "DescribePullThroughCacheRules": ("pullThroughCacheRules.ecrRepositoryPrefix",),
    "DescribeTrainingJob": (
        "CreationTime",
        "MlflowDetails?",
        "ServerlessJobConfig?.BaseModelArn",
        "TrainingJobArn",
        "TrainingJobName",
        "TrainingJobStatus",
    ),
    "FilterLogEvents": ("events.eventId", "events.logStreamName", "events.message", "events.timestamp"),
    "GetAgentRuntime": ("agentRuntimeArn", "status?"),
    "GetCallerIdentity": ("Account", "Arn"),
    "GetFunction": ("Configuration.CodeSha256", "Configuration.FunctionArn", "Configuration.FunctionName"),
    "GetObject": ("Body", "ETag"),
    "GetRole": ("Role.Arn",),
    "HeadBucket": (),
    "HeadObject": ("ETag",),
    "ImportHubContent": ("HubContentArn",),
    "Invoke": ("Payload",),
    "ListAgentRuntimes": (
        "agentRuntimes.agentRuntimeArn",
        "agentRuntimes.agentRuntimeId",
        "agentRuntimes.agentRuntimeVersion",
        "agentRuntimes.status",
    ),
    "ListArtifacts": ("ArtifactSummaries.ArtifactArn", "ArtifactSummaries.CreationTime"),
    "ListFoundationModels": ("modelSummaries.modelId",),
    "ListHubContents": (
        "HubContentSummaries.HubContentArn",
        "HubContentSummaries.HubContentName",
        "HubContentSummaries.HubContentVersion",
    ),
    "ListJobSchemaVersions": ("JobConfigSchemas.JobConfigSchemaVersion",),
    "ListMlflowApps": ("Summaries.Arn",),
    "ListObjectsV2": ("IsTruncated", "Contents?.Key"),
    "ListPipelineVersions": ("PipelineVersionSummaries.PipelineVersionId",),
    "ListPipelines": (
        "PipelineSummaries.LastModifiedTime",
        "PipelineSummaries.PipelineName",
        "PipelineSummaries.RoleArn?",
    ),
    "ListTags": ("Tags.Key", "Tags.Value"),
    "PutObject": ("ETag",),
    "SimulatePrincipalPolicy": (
        "EvaluationResults.EvalActionName",
        "EvaluationResults.EvalDecision",
        "EvaluationResults.EvalResourceName?",
    ),
    "TagResource": (),
    "UpdatePipeline": ("PipelineArn",),
}
"""The members that our code relies on, by operation.

The name of a list stands for each of its items; a name with a question mark may be absent. The service model marks
nearly no output member as required, so a test compares this table with the code. A module that is the only caller of
an operation adds it by `rely_on`.
"""
DOCUMENTS: Mapping[str, str] = {
    "DescribeHubContent": "HubContentDocument",
    "DescribeJob": "JobConfigDocument",
    "DescribeJobSchemaVersion": "JobConfigSchema",
    "DescribePipeline": "PipelineDefinition",
    "DescribePipelineDefinitionForExecution": "PipelineDefinition",
}
"""Members whose text is a JSON object."""


def rely_on(needed: Mapping[str, tuple[str, ...]]) -> None:
    """Add the members that the calling module relies on, for operations that no other module calls."""
    NEEDED.update(needed)


class InvalidAnswer(Exception):
    """A malformed answer; `status` is the HTTP status, 0 where it does not matter."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


def check_http(operation: str, protocol: str, shape: Any, response: Mapping[str, Any]) -> None:
    """Check a response before it is parsed.

    Raises InvalidAnswer.
    """
    status, headers, body = response["status_code"], response["headers"], response["body"]
    is_head = operation.startswith("Head")
    if (
        is_head
        and headers.get("content-type", "").startswith("text/html")
        and not _IDS & set(map(str.lower, headers))
    ):
        raise InvalidAnswer(f"{status} and an HTML page", status)
    if is_head or not isinstance(body, bytes):  # a stream is checked while it is read
        if is_head and status in _REDIRECT and not headers.get("x-amz-bucket-region"):
            raise InvalidAnswer(f"{status}, a redirect that does not say to which region", status)
        return
    length = headers.get("content-length", "")
    if length.isdecimal() and len(body) < int(length) and "content-encoding" not in headers:
        raise InvalidAnswer(f"cut short: {len(body)} of {length} bytes", status)
    if _HTML.match(body):
        raise InvalidAnswer(f"{status} and an HTML page", status)
    of_json = protocol.endswith("json")
    if status >= ERROR:
        is_worded = _is_json_error(body, headers) if of_json else _is_xml_error(body)
        if not is_worded:
            raise InvalidAnswer(f"{status} without an error code of the service", status)
    elif of_json and (body or _has_body(shape)):
        _json_object(body, "the body")


def check_members(operation: str, shape: Any, answer: Mapping[str, Any]) -> None:
    """Check a parsed answer: the types of the service model, and the members that our code relies on.

    Raises InvalidAnswer.
    """
    for wrong in _wrong(shape, answer, ""):
        raise InvalidAnswer(wrong)
    for path in NEEDED.get(operation, ()):
        names = path.split(".")
        if _is_map(shape, names[0]):  # the tags of a function are a map
            names = names[:1]
        if not _has(answer, names):
            raise InvalidAnswer(f"{path} is missing")
    if name := DOCUMENTS.get(operation):
        _json_object(answer[name], name)
    if operation == "GetRole":  # botocore parses it, and leaves a text that is not JSON unchanged
        policy = answer["Role"].get("AssumeRolePolicyDocument")
        if policy is not None:
            _json_object(unquote(policy), "AssumeRolePolicyDocument")


def _has_body(shape: Any) -> bool:
    """Return whether an answer has members in its body, and not only in status or headers."""
    return shape is not None and any("location" not in m.serialization for m in shape.members.values())


def _is_map(shape: Any, name: str) -> bool:
    member = shape.members.get(name) if shape is not None else None
    return member is not None and member.type_name == "map"


def _is_json_error(body: bytes, headers: Mapping[str, str]) -> bool:
    members = _json_object(body, "the body") if body else {}
    code = members.get("__type") or members.get("code") or headers.get("x-amzn-errortype")
    return isinstance(code, str) and bool(code)


def _is_xml_error(body: bytes) -> bool:
    try:
        root = ElementTree.fromstring(body)
    except (ElementTree.ParseError, RecursionError, ValueError):
        return False
    return any(element.tag.rpartition("}")[2] == "Code" and element.text for element in root.iter())


def document(text: str | bytes, what: str, *, lenient: bool = False) -> Any:
    """Parse JSON; `lenient` accepts NaN, infinities and duplicate keys, which Python programs may write.

    Raises InvalidAnswer.
    """
    try:
        value = json.loads(text) if lenient else _STRICT.decode(text if isinstance(text, str) else text.decode())
    except RecursionError:
        raise InvalidAnswer(f"{what} is nested too deeply") from None
    except DoubledKey:
        raise InvalidAnswer(f"{what} is not JSON: a key is given twice") from None
    except NotANumber as error:
        raise InvalidAnswer(f"{what} is not JSON: {error}") from None
    except ValueError:
        raise InvalidAnswer(f"{what} is empty" if not text else f"{what} is not JSON, or cut short") from None
    _check_depth(value, what)
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        no_number(text)
    return number


_STRICT = json.JSONDecoder(object_pairs_hook=once, parse_float=_finite, parse_constant=_finite)


def at(tree: Any, *path: str | int) -> Any:
    """Return the value at a path of an untyped document, or None."""
    for step in path:
        try:
            tree = tree[step]
        except (LookupError, TypeError):
            return None
    return tree


def _json_object(text: str | bytes, what: str) -> dict[str, Any]:
    value = document(text, what)
    if not isinstance(value, dict):
        raise InvalidAnswer(f"{what} is not a JSON object")
    return value


def _check_depth(tree: Any, what: str) -> None:
    level = _inside([tree])
    for _ in range(MOST_DEPTH):
        level = [item for one in level for item in _inside(one)]
        if not level:
            return
    raise InvalidAnswer(f"{what} is nested too deeply")


def _inside(tree: Any) -> list[Any]:
    """Return the lists and objects directly in a list or object."""
    items = tree.values() if isinstance(tree, dict) else tree
    return [item for item in items if isinstance(item, dict | list)]


def _has(tree: Any, path: list[str]) -> bool:
    if isinstance(tree, list):
        return all(_has(item, path) for item in tree)
    if not path:
        return tree is not None
    name = path[0].removesuffix("?")
    value = tree.get(name) if isinstance(tree, dict) else None
    return (value is None and name != path[0]) or _has(value, path[1:])


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -_LARGEST <= value < _LARGEST


def _number(value: Any) -> bool:
    return _whole(value) or isinstance(value, float)


def _time(value: Any) -> bool:
    """Return whether a value is a time with a zone.

    The first and last year are refused, because adding days may overflow.
    """
    return isinstance(value, datetime) and value.tzinfo is not None and MINYEAR < value.year < MAXYEAR


_TYPES: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "boolean": ("true or false", lambda value: isinstance(value, bool)),
    "double": ("a number", _number),
    "float": ("a number", _number),
    "integer": ("a whole number", _whole),
    "list": ("a list", lambda value: isinstance(value, list)),
    "long": ("a whole number", _whole),
    "map": ("an object", lambda value: isinstance(value, dict)),
    "string": ("text", lambda value: isinstance(value, str)),
    "structure": ("an object", lambda value: isinstance(value, dict)),
    "timestamp": ("a time", _time),
}


def _wrong(shape: Any, value: Any, where: str) -> Iterator[str]:
    """Yield the values whose type differs from their shape; blobs and documents may be anything."""
    if shape is None or shape.type_name not in _TYPES or getattr(shape, "is_document_type", False):
        return
    word, is_one = _TYPES[shape.type_name]
    if not is_one(value):
        yield f"{where or 'the answer'} is not {word}"
    elif shape.type_name == "structure":
        for name, member in shape.members.items():
            if name in value:
                yield from _wrong(member, value[name], f"{where}.{name}".lstrip("."))
    elif shape.type_name == "list":
        for item in value:
            yield from _wrong(shape.member, item, where)
    elif shape.type_name == "map":
        for item in value.values():
            yield from _wrong(shape.value, item, where)
