"""Errors of AWS: refusals, missing and malformed answers, with their meaning and a hint.

In: an error code of a service or of botocore. Out: a `CloudError`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sagespec.documents import operations


class CloudError(Exception):
    """A refusal of AWS, or a failure to reach it.

    `code` is the service's error code, `status` the HTTP status (0 without an answer), `request` the id of the
    compiled request, where there is one.
    """

    request = ""

    def __init__(self, code: str, message: str, hint: str = "", operation: str = "", status: int = 0) -> None:
        super().__init__(f"{operation}: {message}" if operation else message)
        self.code, self.message, self.hint, self.operation, self.status = code, message, hint, operation, status

    @property
    def is_missing(self) -> bool:
        """Whether the error says "not found"; services have many codes for it."""
        if self.code in _MISSING_CODES:
            return True
        return self.code == "ValidationException" and bool(_MISSING_TEXT.search(self.message))

    @property
    def is_taken(self) -> bool:
        """Whether the error says that the name is taken."""
        return self.code in _TAKEN_CODES or bool(_TAKEN_TEXT.search(self.message))

    @property
    def is_token_mismatch(self) -> bool:
        """Whether the error says that a ClientRequestToken was used before with other parameters."""
        return self.code in ("ConflictException", "ValidationException") and "token" in self.message.lower()

    @property
    def is_denied(self) -> bool:
        """Whether the error says that the caller has no permission."""
        return self.code in _DENIED

    @property
    def is_passing(self) -> bool:
        """Whether the same request may succeed later: throttling, server errors, incomplete or malformed answers."""
        return self.status >= HTTP_FAULT or self.code in _PASSING

    @property
    def is_of_request(self) -> bool:
        """Whether the error is about the parameters, so that another request of the same caller may succeed."""
        if self.is_passing or self.is_denied or self.code in _OF_CALLER:
            return False
        return self.status >= HTTP_REFUSAL or self.code in _UNSENDABLE

    @property
    def is_unheard(self) -> bool:
        """Whether it is certain that nothing was carried out: the request was throttled or not delivered."""
        return self.code in _THROTTLED or self.code in ("EndpointConnectionError", "ConnectTimeoutError")

    @property
    def is_full(self) -> bool:
        """Whether a quota of running jobs is used up, so that waiting helps.

        A request above the whole quota does not count.
        """
        if self.code != "ResourceLimitExceeded" or self.operation not in operations.runs():
            return False
        quota = _QUOTA.search(self.message)
        return quota is None or int(quota[2]) <= int(quota[1])


HTTP_FAULT = 500
HTTP_REFUSAL = 400
_QUOTA = re.compile(r"' is (\d+) .*request delta of (\d+) ", re.DOTALL)
_MISSING_CODES = {
    "ImageNotFoundException",
    "RepositoryNotFoundException",
    "ResourceNotFound",
    "ResourceNotFoundException",
    "NoSuchBucket",
    "NoSuchKey",
    "NoSuchEntity",
    "404",
}
_MISSING_TEXT = re.compile(r"does not exist|not found|could not find", re.IGNORECASE)
_TAKEN_CODES = {"PreconditionFailed", "ResourceInUse", "ResourceConflictException"}
_TAKEN_TEXT = re.compile(r"already exist|must be unique within an AWS account", re.IGNORECASE)
FAR = {"EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError"}
"""Connection failures, which botocore has retried long enough."""
INVALID_ANSWER = "InvalidAnswer"
ENDLESS = "EndlessAnswer"
_CUT = {"FlexibleChecksumError", "IncompleteReadError", "ResponseStreamingError"}
"""An object of S3 that was cut short, or is not the one that was sent."""
_UNREACHABLE = {*FAR, *_CUT, "ConnectionClosedError", "ProxyConnectionError"}
_THROTTLED = {
    "ConditionalRequestConflict",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "429",
}
_PASSING = {ENDLESS, INVALID_ANSWER} | _UNREACHABLE | _THROTTLED
_EXPIRED = {"ExpiredToken", "ExpiredTokenException"}
_UNKNOWN = {"InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"}
_SKEWED = {"InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch"}
_OF_CALLER = (
    _EXPIRED
    | _UNKNOWN
    | _SKEWED
    | {"400", "401", "AuthFailure", "InvalidToken", "MissingAuthenticationToken"}
    | {"MissingAuthenticationTokenException", "OptInRequired", "SubscriptionRequiredException"}
    | {"UnknownOperationException"}
)
"""Codes of errors about the caller, the account or the region; for HEAD, S3 sends only the number."""
_UNSENDABLE = {
    "ParamValidationError",
    "UnsupportedOutpostResourceError",
    "UnsupportedS3AccesspointConfigurationError",
    "UnsupportedS3ArnError",
    "UnsupportedS3ConfigurationError",
}
"""botocore's errors for parameters that it does not send."""
_DENIED = {"AccessDenied", "AccessDeniedException", "AccessDeniedForDependencyException", "403"}

_PREFIXES = {"bedrock-agentcore-control": "bedrock-agentcore"}
_ACTIONS = {
    ("s3", "HeadBucket"): "s3:ListBucket",
    ("s3", "HeadObject"): "s3:GetObject (and s3:ListBucket, to recognise objects that do not exist)",
    ("s3", "ListObjectsV2"): "s3:ListBucket",
}
"""IAM's names of operations that differ from the API's."""


def invalid(message: str, operation: str, status: int = 0) -> CloudError:
    """Return the error for a malformed answer."""
    text = f"AWS's answer is malformed: {message}"
    return CloudError(INVALID_ANSWER, text, hint(INVALID_ANSWER, text, "", operation), operation, status)


def endless(message: str, operation: str) -> CloudError:
    """Return the error for an answer that is incomplete or too long."""
    text = f"AWS's answer is incomplete or too long: {message}"
    return CloudError(ENDLESS, text, hint(ENDLESS, text, "", operation), operation)


def misconfigured(code: str, message: str, status: int = 0) -> CloudError:
    """Return the error for a wrong environment variable or configuration file."""
    if where := hint(code, message, "", ""):
        return CloudError(code, message, where, status=status)
    where = "the AWS_ variables and configuration files"
    if "region_name" in message:
        where = "the region that is asked for"
    elif "Invalid endpoint" in message:
        where = "AWS_ENDPOINT_URL"
    return CloudError(code, f"AWS cannot be called: {message}", f"look at {where}", status=status)


def hint(code: str, message: str, service: str, operation: str, parameters: Mapping[str, Any] | None = None) -> str:
    """Return a hint if the cause is known, else ''."""
    if code in _EXPIRED:
        return "the credentials have expired: sign in again, for instance with `aws sso login`"
    if code in _UNKNOWN:
        return "the credentials are wrong, or not good for this region: sign in, or enable the region for the account"
    if code in _SKEWED:
        return "set this machine's clock, which AWS compares with its own; if it is right, the secret key is wrong"
    if code == "UnknownOperationException":
        return "this region does not have the operation yet: choose another"
    if code in ("NoCredentialsError", "PartialCredentialsError", "TokenRetrievalError", "SSOTokenLoadError"):
        return "sign in, for instance with `aws sso login`, or choose a profile with --profile"
    if code == "NoRegionError":
        return "name the region: --region, AWS_REGION, or `defaults` in sagespec.yaml"
    if code == "ProfileNotFound":
        return "see `aws configure list-profiles`"
    if code in _DENIED and "explicit deny" in message:
        return "a policy denies it explicitly: ask the administrators of the account"
    if code in _DENIED:
        named = re.search(r"perform: ([\w-]+:\w+)", message)
        action = (
            named[1]
            if named
            else _ACTIONS.get((service, operation), f"{_PREFIXES.get(service, service)}:{operation}")
        )
        owner = (parameters or {}).get("ExpectedBucketOwner")
        other = f", or the bucket is somebody else's: it is expected to be of account {owner}" if owner else ""
        return f"the caller needs the permission {action}{other}"
    if code == "NoSuchBucket":
        return "create the bucket first; sagespec never does"
    if code == "ResourceLimitExceeded":
        return "wait for a running job, with `apply --wait`, or ask for a higher quota in Service Quotas"
    if code in _UNREACHABLE:
        return "AWS could not be reached: check the network and AWS_ENDPOINT_URL; the same command may be repeated"
    if code in ("HTTPClientError", "InvalidProxiesConfigError", "SSLError"):
        return "look at the variables of proxies and certificates, such as HTTPS_PROXY and AWS_CA_BUNDLE"
    if code in (ENDLESS, INVALID_ANSWER):
        return (
            "something on the way may have answered in AWS's place, such as a proxy or a sign-in page: check the "
            "network and AWS_ENDPOINT_URL; the same command may be repeated"
        )
    if code in _THROTTLED:
        return "AWS is throttling requests: repeat the same command later, nothing is lost"
    return ""
