"""Verify the reward function of a training before the job is created: it is asked about a few records of the data.

In: a compiled file. Out: nothing, once the function has answered as the service needs it. Refuses: functions that
fail or give no reward for a record, and data that cannot be read. Only apply verifies: it invokes user code.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sagespec import arn
from sagespec.diagnostics.escapes import cut
from sagespec.executor import answers, documents
from sagespec.executor.answers import InvalidAnswer, at
from sagespec.executor.files import File
from sagespec.executor.runs.run import main_request
from sagespec.executor.submission import Refused, Submission
from sagespec.sagemaker import registry

RECORDS = 3
_MOST_BYTES = 4 * 1024**2
"""What records are looked for in: a function takes 6 MiB at most."""
_LAMBDA = re.compile(r"arn:[^:]+:lambda:[^:]+:\d+:function:[\w-]+")
_TEXT = 200


class Check(NamedTuple):
    """What apply does before a job is created: records of the object at `uri` go to the function or evaluator `arn`.

    `reason` says why that cannot be done, where it cannot. Functions for Nova models answer in another form.
    """

    arn: str
    uri: str
    is_nova: bool
    reason: str = ""

    @property
    def note(self) -> str:
        """What a plan says of it."""
        if self.reason:
            return f"its reward function is not verified: {self.reason}"
        content = arn.hub_content(self.arn)
        name = content.name if content else self.arn.rpartition(":")[2]
        return f"after {name} has given rewards for {RECORDS} records of {self.uri}"


def of(file: File) -> Check | None:
    """Return the check of a file; None for files without a reward function, or that skip the check."""
    request = main_request(file)
    if request is None or file.content.skip_reward_validation:
        return None
    config = request.parameters.get("ServerlessJobConfig", {})
    evaluator = config.get("EvaluatorArn")
    if config.get("CustomizationTechnique") != "RLVR" or not evaluator:
        return None
    if isinstance(evaluator, dict):  # the output of a request that registers a function
        imports = (r.parameters for r in file.requests if r.operation == "ImportHubContent")
        references = (
            at(given, "HubContentDocument", "$json", "JsonContent", "$json", "Reference") for given in imports
        )
        evaluator = next((reference for reference in references if reference), "")
    content = arn.hub_content(config.get("BaseModelArn", ""))
    uri, reason = _data(request.parameters)
    return Check(str(evaluator), uri, content is not None and "nova" in content.name.lower(), reason)


def _data(parameters: Mapping[str, Any]) -> tuple[str, str]:
    """Return the object of training data, or why there is no single one."""
    channels = {channel["ChannelName"]: channel["DataSource"] for channel in parameters.get("InputDataConfig", ())}
    source = channels.get("train", {})
    uri = at(source, "S3DataSource", "S3Uri")
    if not isinstance(uri, str):
        return "", f"{at(source, 'DatasetSource', 'DatasetArn')} is not an object of S3"
    return uri, "" if uri.endswith(".jsonl") else f"{uri} is not an object that ends in .jsonl"


def verify(s: Submission, check: Check) -> None:
    """Ask the reward function about the first records, once in an apply.

    Raises Refused, CloudError.
    """

    def ask() -> tuple[str, str]:
        function = _function(s, check.arn)
        records = list(_records(s, check.uri))
        s.go_on()
        payload = json.dumps(records, ensure_ascii=False).encode()
        content, failed = s.cloud.invoke(function, payload, s.region)
        try:
            answer = answers.document(content, "its answer", lenient=True)
        except InvalidAnswer as error:
            raise _refused(function, str(error)) from None
        if failed:
            raise _refused(function, f"it failed: {_short(at(answer, 'errorMessage') or answer)}")
        for wrong in _wrong(answer if check.is_nova else _unwrapped(function, answer), records):
            raise _refused(function, wrong)
        s.on_request(s.file, "job", "verified", function)
        return "verified", function

    if not check.reason:
        s.shared.get(f"{s.region} reward {check}", ask)


def _function(s: Submission, name: str) -> str:
    """The Lambda function behind a name: the function itself, or what an evaluator refers to."""
    content, owner = arn.hub_content(name), arn.parse(name)
    if content is None or owner is None:
        return name
    shared = owner.account != s.file.content.account  # another account's hub goes by its ARN only
    hub = arn.sagemaker(owner.partition, owner.region, owner.account, f"hub/{content.hub}") if shared else content.hub
    version = {"HubContentVersion": content.version} if content.version else {}
    key = {"HubName": hub, "HubContentType": content.type, "HubContentName": content.name, **version}
    described = s.call("sagemaker", "DescribeHubContent", **key)
    evaluator = registry.evaluator(documents.read(described["HubContentDocument"], "HubContentDocument"))
    reference = evaluator.reference if evaluator else None
    if reference is None or not _LAMBDA.fullmatch(reference):
        raise Refused(f"{name} does not refer to a Lambda function that can be verified; {_SKIP}")
    return reference


_SKIP = "skip_reward_validation: true starts the job without that"


def _records(s: Submission, uri: str) -> Iterator[Any]:
    bucket, key = arn.s3_location(uri)
    content = b""
    for chunk in s.cloud.chunks(bucket, key, s.region):
        content += chunk
        if len(content) > _MOST_BYTES or content.count(b"\n") > 10 * RECORDS:
            break
    lines = [(number, line) for number, line in enumerate(content.split(b"\n"), 1) if line.strip()]
    if not lines:
        raise Refused(f"{uri} has no records to verify the reward function with")
    for number, line in lines[:RECORDS]:
        try:
            yield answers.document(line, f"line {number} of {uri}", lenient=True)
        except InvalidAnswer as error:
            raise Refused(f"the reward function cannot be verified: {error}; {_SKIP}") from None


def _unwrapped(function: str, answer: Any) -> Any:
    """The rewards in the answer of a function for other models than Nova: the body of an answer to a web request."""
    status, body = at(answer, "statusCode"), at(answer, "body")
    if status != 200:
        raise _refused(function, f"it must answer {{statusCode: 200, body: JSON}}, found {_short(answer)}")
    try:
        return answers.document(body, "its body", lenient=True) if isinstance(body, str) else body
    except InvalidAnswer as error:
        raise _refused(function, str(error)) from None


def _wrong(rewards: Any, records: list[Any]) -> Iterator[str]:
    if not isinstance(rewards, list):
        yield f"it must give a list of rewards, found {_short(rewards)}"
        return
    for number, reward in enumerate(rewards, 1):
        score = at(reward, "aggregate_reward_score")
        if at(reward, "id") is None:
            yield f"reward {number} has no id"
        if not _is_number(score):
            yield f"reward {number} has no number aggregate_reward_score, found {_short(score)}"
    if len(rewards) != len(records):
        yield f"it has given {len(rewards)} rewards for {len(records)} records"


def _is_number(score: Any) -> bool:
    """Whether a score can be a reward: Python's JSON also has NaN and infinities, from which nothing is learnt."""
    return (isinstance(score, int) and not isinstance(score, bool)) or (
        isinstance(score, float) and math.isfinite(score)
    )


def _refused(function: str, reason: str) -> Refused:
    return Refused(f"the reward function {function} is not what the training needs: {reason}")


def _short(value: Any) -> str:
    return cut(json.dumps(value, ensure_ascii=False), _TEXT)
