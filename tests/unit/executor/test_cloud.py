"""What AWS's refusals mean: what passes, what waiting helps, and the way out."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from sagespec.executor.cloud import Cloud, CloudError

QUOTA = (
    "The account-level service limit '{what}' is {limit} Instances, with current utilization of {used} Instances and "
    "a request delta of {delta} Instances. Please use AWS Service Quotas to request an increase for this quota."
)


@pytest.mark.parametrize(
    ("operation", "message", "full"),
    [
        ("CreateJob", "too many jobs", True),
        ("StartPipelineExecution", "too many executions", True),
        ("CreateTrainingJob", QUOTA.format(what="a", limit=2, used=2, delta=1), True),
        ("CreateTrainingJob", QUOTA.format(what="a", limit=2, used=0, delta=4), False),
        ("CreateTrainingJob", QUOTA.format(what="ml.p5.48xlarge", limit=0, used=0, delta=1), False),
        ("CreatePipeline", "too many pipelines", False),
        ("CreateModelPackageGroup", QUOTA.format(what="a", limit=9, used=9, delta=1), False),
    ],
)
def test_only_a_quota_of_what_runs_is_waited_for(operation: str, message: str, full: bool) -> None:
    assert CloudError("ResourceLimitExceeded", message, operation=operation).is_full is full
    assert not CloudError("ValidationException", message, operation=operation).is_full


def refuse(monkeypatch: pytest.MonkeyPatch, code: str, message: str, status: int) -> CloudError:
    """Let botocore itself raise what a service would have said."""
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}

    def call(*_: object, **__: object) -> None:
        raise ClientError(answer, "CreateJob")

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", call)
    with pytest.raises(CloudError) as found:
        Cloud(region="us-west-2").call_once("sagemaker", "CreateJob")
    return found.value


@pytest.mark.parametrize(
    ("code", "message", "status", "hint"),
    [
        ("InvalidSignatureException", "Signature expired: 2020 is now earlier than 2026", 403, "clock"),
        ("RequestTimeTooSkewed", "The difference is too large.", 403, "clock"),
        ("ExpiredTokenException", "The security token is expired", 403, "have expired"),
        ("UnrecognizedClientException", "The security token is invalid.", 403, "enable the region"),
        ("UnknownOperationException", "", 404, "choose another"),
        ("AccessDeniedException", "with an explicit deny in a service control policy", 400, "denies it explicitly"),
        ("AccessDeniedException", "not authorized to perform: sagemaker:CreateJob on", 400, "sagemaker:CreateJob"),
    ],
)
def test_the_way_out_is_named(
    monkeypatch: pytest.MonkeyPatch, code: str, message: str, status: int, hint: str
) -> None:
    error = refuse(monkeypatch, code, message, status)
    assert hint in error.hint
    assert not error.is_passing


@pytest.mark.parametrize(
    ("code", "status"),
    [("ServiceException", 500), ("InternalServerException", 500), ("Unknown", 503), ("ThrottledException", 400)],
)
def test_faults_pass_whatever_they_are_called(monkeypatch: pytest.MonkeyPatch, code: str, status: int) -> None:
    assert refuse(monkeypatch, code, "", status).is_passing


@pytest.mark.parametrize(
    ("code", "status", "is_of_request"),
    [
        ("ParamValidationError", 0, True),
        ("UnsupportedS3ArnError", 0, True),
        ("InvalidBucketName", 400, True),
        ("KeyTooLongError", 400, True),
        ("ValidationException", 400, True),
        ("AccessDenied", 403, False),
        ("ExpiredToken", 400, False),
        ("InvalidAccessKeyId", 403, False),
        ("RequestTimeTooSkewed", 403, False),
        ("NoCredentialsError", 0, False),
        ("EndpointConnectionError", 0, False),
        ("ThrottlingException", 400, False),
        ("InternalError", 500, False),
        ("400", 400, False),
    ],
)
def test_what_is_of_one_request_and_what_of_all(code: str, status: int, is_of_request: bool) -> None:
    assert CloudError(code, "no", status=status).is_of_request is is_of_request
