"""AWS, as the executor sees it; the only module that knows boto3.

In: a service, an operation, parameters. Out: the answer. Everything that can go wrong on the way becomes a
`CloudError` with its cause and the way out; retries are botocore's.
"""

from __future__ import annotations

import os
import random
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

ATTEMPTS = 8
"""Tries of one request in all; botocore's default of three loses a long plan to a throttled account."""
ROUNDS = 12
"""How often trouble that may pass is met anew: botocore stops retrying once its quota of retries is used up."""
LONGEST_PAUSE_SECONDS = 5.0
CHUNK_BYTES = 1 << 20


class CloudError(Exception):
    """What AWS refused, or why it could not be reached.

    `code` is the service's own word for it, `status` that of HTTP (0 without an answer), `request` the id of the
    compiled request that was being carried out.
    """

    request = ""

    def __init__(self, code: str, message: str, hint: str = "", operation: str = "", status: int = 0) -> None:
        super().__init__(f"{operation}: {message}" if operation else message)
        self.code, self.message, self.hint, self.operation, self.status = code, message, hint, operation, status

    @property
    def is_missing(self) -> bool:
        """Whether it says that something does not exist; services have many words for it."""
        if self.code in _MISSING_CODES:
            return True
        return self.code == "ValidationException" and bool(_MISSING_TEXT.search(self.message))

    @property
    def is_taken(self) -> bool:
        """Whether it says that something of this name exists already."""
        return self.code in _TAKEN_CODES or bool(_TAKEN_TEXT.search(self.message))

    @property
    def is_token_mismatch(self) -> bool:
        """Whether it says that a ClientRequestToken was used before, for other parameters."""
        return self.code in ("ConflictException", "ValidationException") and "token" in self.message.lower()

    @property
    def is_denied(self) -> bool:
        """Whether it says that the caller may not do this."""
        return self.code in _DENIED

    @property
    def is_passing(self) -> bool:
        """Whether the same request may do better in a while: throttling, faults of AWS, a cut connection."""
        return self.status >= HTTP_FAULT or self.code in _PASSING

    @property
    def is_full(self) -> bool:
        """Whether it says that a quota of what runs is used up, so that waiting helps: not what is too big for it."""
        if self.code != "ResourceLimitExceeded" or self.operation not in _STARTS:
            return False
        found = _QUOTA.search(self.message)
        return found is None or int(found[2]) <= int(found[1])


HTTP_FAULT = 500
_STARTS = {"CreateJob", "CreateTrainingJob", "StartPipelineExecution"}
_QUOTA = re.compile(r"' is (\d+) .*request delta of (\d+) ", re.DOTALL)
_MISSING_CODES = {
    "ResourceNotFound",
    "ResourceNotFoundException",
    "NoSuchBucket",
    "NoSuchKey",
    "NoSuchEntity",
    "404",
}
_MISSING_TEXT = re.compile(r"does not exist|not found|could not find", re.IGNORECASE)
_TAKEN_CODES = {"ResourceInUse", "ResourceConflictException"}
_TAKEN_TEXT = re.compile(r"already exist|must be unique within an AWS account", re.IGNORECASE)
_FAR = {"EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError"}
"""Nobody answers at all: botocore's own tries have taken long enough."""
_UNREACHABLE = {*_FAR, "ConnectionClosedError"}
_THROTTLED = {
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
_PASSING = _UNREACHABLE | _THROTTLED
_EXPIRED = {"ExpiredToken", "ExpiredTokenException"}
_UNKNOWN = {"InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"}
_SKEWED = {"InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch"}
_DENIED = {"AccessDenied", "AccessDeniedException", "AccessDeniedForDependencyException", "403"}


@dataclass
class Cloud:
    """Clients by service and region, made when they are first needed; safe to share between threads."""

    profile: str | None = None
    region: str | None = None
    _clients: dict[tuple[str, str | None, int | None], Any] = field(default_factory=dict, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def call(self, service: str, operation: str, region: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Carry out one operation, named as the API names it; trouble that passes is waited out.

        Raises CloudError for whatever botocore raises.
        """
        for number in range(1, ROUNDS):
            try:
                return self._call(service, operation, region, parameters)
            except CloudError as error:
                if not error.is_passing or error.code in _FAR:
                    raise
                time.sleep(random.uniform(0, min(LONGEST_PAUSE_SECONDS, 0.1 * 2**number)))
        return self._call(service, operation, region, parameters)

    def call_once(self, service: str, operation: str, region: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Carry out one operation with a single try, for what must not be done twice.

        Raises CloudError; after one that is passing it may have been carried out all the same.
        """
        return self._call(service, operation, region, parameters, attempts=1)

    def _call(
        self,
        service: str,
        operation: str,
        region: str | None,
        parameters: dict[str, Any],
        attempts: int | None = None,
    ) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            client = self._client(service, region or self.region, attempts)
            answer: dict[str, Any] = getattr(client, _snake(operation))(**parameters)
            return answer
        except ClientError as error:
            found = error.response.get("Error", {})
            code, message = str(found.get("Code", "Unknown")), str(found.get("Message", error))
            status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            raise CloudError(code, message, _hint(code, message, service, operation), operation, status) from None
        except BotoCoreError as error:
            raise _broken(error, service, operation) from None

    def pages(
        self, service: str, operation: str, key: str, region: str | None = None, **parameters: Any
    ) -> Iterator[list[dict[str, Any]]]:
        """Go through the pages of a List operation; services of REST spell the token's name in lower case."""
        token = None
        name = "nextToken" if key[:1].islower() else "NextToken"
        while True:
            more: dict[str, Any] = {name: token} if token else {}
            answer = self.call(service, operation, region, **parameters, **more)
            yield answer.get(key, [])
            token = answer.get(name)
            if not token:
                return

    def account(self, region: str | None = None) -> str:
        """The caller's account; needs no permission, but a region to ask in."""
        return str(self.call("sts", "GetCallerIdentity", region)["Account"])

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """The environment in which another program acts as the caller, for as long as the credentials are good.

        Raises CloudError without credentials.
        """
        from botocore.exceptions import BotoCoreError, NoCredentialsError

        try:
            found = self._session.get_credentials()
            if found is None:
                raise NoCredentialsError
            keys = found.get_frozen_credentials()
        except BotoCoreError as error:
            raise _broken(error, "", "") from None
        named = {
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            "AWS_SESSION_TOKEN": keys.token,
            "AWS_PROFILE": self.profile or inherited.get("AWS_PROFILE"),  # its keys count less than these
        }
        kept = {name: value for name, value in inherited.items() if name not in named}
        return {**kept, **{name: value for name, value in named.items() if value}}

    def content(self, bucket: str, key: str, region: str | None = None) -> bytes:
        """Read an object of S3 to its end.

        Raises CloudError.
        """
        return b"".join(self.chunks(bucket, key, region))

    def chunks(self, bucket: str, key: str, region: str | None = None) -> Iterator[bytes]:
        """Read an object of S3 piece by piece; the connection may end in the middle.

        Raises CloudError.
        """
        from botocore.exceptions import BotoCoreError

        body = self.call("s3", "GetObject", region, Bucket=bucket, Key=key)["Body"]
        try:
            yield from body.iter_chunks(CHUNK_BYTES)
        except BotoCoreError as error:
            raise _broken(error, "s3", "GetObject") from None

    def default_region(self) -> str | None:
        """The region that this was given, else the one of the profile.

        Raises CloudError where there is no such profile.
        """
        from botocore.exceptions import BotoCoreError

        try:
            found: str | None = self.region or self._session.region_name
            return found
        except BotoCoreError as error:
            raise _broken(error, "", "") from None

    def _client(self, service: str, region: str | None, attempts: int | None = None) -> Any:
        key = (service, region, attempts)
        found = self._clients.get(key)
        return self._make_client(*key) if found is None else found

    def _make_client(self, *key: Any) -> Any:
        from botocore.config import Config

        service, region, attempts = key
        with self._lock:
            if key in self._clients:
                return self._clients[key]
            config = Config(
                retries={"mode": "standard", "total_max_attempts": attempts or _attempts()},
                max_pool_connections=32,
                s3={"addressing_style": "path"} if self._endpoint else None,
            )
            try:
                self._clients[key] = self._session.client(service, region_name=region, config=config)
            except ValueError as error:  # botocore's word for a region that can be none, or an endpoint
                where = "the region that is asked for" if "region" in str(error) else "AWS_ENDPOINT_URL"
                raise CloudError("BadConfiguration", str(error), f"look at {where}") from None
            return self._clients[key]

    @cached_property
    def _session(self) -> Any:
        import boto3

        return boto3.Session(profile_name=self.profile)

    @cached_property
    def _endpoint(self) -> str | None:
        """A local endpoint has no host name for each bucket."""
        return os.environ.get("AWS_ENDPOINT_URL")


def _broken(error: Exception, service: str, operation: str) -> CloudError:
    """What botocore itself has to say: nobody has answered, or nobody was asked."""
    code = type(error).__name__
    return CloudError(code, str(error), _hint(code, str(error), service, operation), operation)


def _attempts() -> int:
    given = os.environ.get("AWS_MAX_ATTEMPTS", str(ATTEMPTS))
    if not given.isdecimal() or int(given) < 1:
        raise CloudError("BadConfiguration", f"AWS_MAX_ATTEMPTS is {given!r}", "make it a number, 1 or more")
    return int(given)


def _snake(operation: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", operation).lower()


_PREFIXES = {"bedrock-agentcore-control": "bedrock-agentcore"}
_ACTIONS = {
    ("s3", "HeadBucket"): "s3:ListBucket",
    ("s3", "HeadObject"): "s3:GetObject (and s3:ListBucket, to be told of what is absent)",
    ("s3", "ListObjectsV2"): "s3:ListBucket",
}
"""IAM's names for operations, where they are not the API's."""


def _hint(code: str, message: str, service: str, operation: str) -> str:
    """The way out, where the cause is known."""
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
        return "a policy forbids it, whatever else allows it: ask whoever keeps the account's policies"
    if code in _DENIED:
        named = re.search(r"perform: ([\w-]+:\w+)", message)
        action = (
            named[1]
            if named
            else _ACTIONS.get((service, operation), f"{_PREFIXES.get(service, service)}:{operation}")
        )
        return f"the caller needs the permission {action}"
    if code == "NoSuchBucket":
        return "create the bucket first; sagespec never does"
    if code == "ResourceLimitExceeded":
        return "wait for a running job, with `apply --wait`, or ask for a higher quota in Service Quotas"
    if code in _UNREACHABLE:
        return "AWS could not be reached: check the network and AWS_ENDPOINT_URL; the same command may be repeated"
    if code in _THROTTLED:
        return "AWS is refusing so many requests: repeat the same command in a while, nothing is lost"
    return ""
