"""Call AWS; the only module that imports boto3.

In: a service, an operation, parameters. Out: the answer. Every failure, malformed answers included, is raised as a
`CloudError` with its cause and a hint. botocore retries what
it knows to be transient, `retries` the rest.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from sagespec.diagnostics import secrets
from sagespec.executor import answers, cloud_session, credentials, retries, wire
from sagespec.executor.answers import InvalidAnswer
from sagespec.executor.cloud_errors import (
    ENDLESS,
    INVALID_ANSWER,
    CloudError,
    endless,
    hint,
    invalid,
    misconfigured,
)

__all__ = ["Cloud", "CloudError", "NotJSON"]

ATTEMPTS = 8
"""The most tries of one request; with botocore's default of three, a long plan fails in a throttled account."""
OBJECT_BYTES = 5 * 1024**3
"""The largest object of S3 that is read: the largest that S3 takes in one request."""
DOCUMENT_BYTES = 64 * 1024**2
"""The largest that is read as a whole."""
CHUNK_BYTES = 1 << 20
_TOKENS = {
    "ListObjectsV2": ("ContinuationToken", "NextContinuationToken"),
    "SimulatePrincipalPolicy": ("Marker", "Marker"),
}
"""How operations call the token that they take, and the one that they give, where these are not the same."""


class NotJSON(Exception):
    """An object of S3 that is complete, but not JSON."""


@dataclass
class Cloud:
    """Clients by service and region, made when they are first needed; safe to share between threads."""

    profile: str | None = None
    region: str | None = None
    _clients: dict[tuple[str, str | None, int | None], Any] = field(default_factory=dict, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def call(self, service: str, operation: str, region: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Call an operation by the API's name; transient errors are retried.

        Raises CloudError for every failure.
        """
        return retries.until_done(lambda: self._call(service, operation, region, parameters))

    def call_once(self, service: str, operation: str, region: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Call an operation with a single try, because it is not idempotent.

        Raises CloudError; after a transient one the operation may still have been carried out.
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

        self._keys()  # first, so that an error of credentials is reported as one
        client = self._client(service, region or self.region, attempts)
        try:
            with wire.at_once():
                answer: dict[str, Any] = getattr(client, _snake(operation))(**parameters)
            for described in (answer, answer.get("Configuration")):
                secrets.unquote_reasons(described)
            return answer
        except ClientError as error:
            details = error.response.get("Error", {})
            code = str(details.get("Code", "Unknown"))
            message = secrets.unquoted(str(details.get("Message", error)), secrets.variables(parameters))
            status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            told = hint(code, message, service, operation, parameters)
            raise CloudError(code, message, told, operation, status) from None
        except InvalidAnswer as error:
            raise invalid(str(error), operation, error.status) from None
        except wire.Endless as error:
            raise endless(str(error), operation) from None
        except BotoCoreError as error:
            raise _broken(error, service, operation, parameters) from None

    def pages(
        self, service: str, operation: str, key: str, region: str | None = None, **parameters: Any
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield the pages of a List operation; REST services write the token's name in lower case.

        Raises CloudError, also for a repeated token: the pages would not end.
        """
        plain = "nextToken" if key[:1].islower() else "NextToken"
        given, told = _TOKENS.get(operation, (plain, plain))
        seen: set[str] = set()
        more: dict[str, Any] = {}
        while True:
            answer = self.call(service, operation, region, **parameters, **more)
            yield answer.get(key, [])
            token = answer.get(told)
            if not token:
                if answer.get("IsTruncated"):
                    raise invalid("there are more pages, and no token for them", operation)
                return
            if token in seen:
                raise invalid("the pages never end: a token is repeated", operation)
            seen.add(token)
            more = {given: token}

    def account(self, region: str | None = None) -> str:
        """Return the caller's account; needs a region but no permission.

        Raises CloudError.
        """
        return str(self.call("sts", "GetCallerIdentity", region)["Account"])

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """Return the environment variables with which another program acts as the caller.

        Raises CloudError without credentials.
        """
        keys = self._keys()
        named = {
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            "AWS_SESSION_TOKEN": keys.token,
            "AWS_PROFILE": self.profile or inherited.get("AWS_PROFILE"),  # keys take precedence over a profile
        }
        kept = {name: value for name, value in inherited.items() if name not in named}
        return {**kept, **{name: value for name, value in named.items() if value}}

    def content(self, bucket: str, key: str, region: str | None = None) -> bytes:
        """Read an object of S3.

        Raises CloudError.
        """
        return retries.until_done(lambda: self._content(bucket, key, region))[0]

    def document(self, bucket: str, key: str, region: str | None = None, *, lenient: bool = False) -> Any:
        """Parse an object of S3 as JSON; one that was cut short is read again.

        `lenient` is that of `answers.document`.

        Raises NotJSON for an object that is complete but not JSON, and CloudError.
        """
        return retries.until_done(lambda: self._document(bucket, key, region, lenient))

    def _content(self, bucket: str, key: str, region: str | None) -> tuple[bytes, str]:
        """Return an object and its ETag."""
        answer = self._call("s3", "GetObject", region, {"Bucket": bucket, "Key": key})
        return b"".join(_stream(answer["Body"], DOCUMENT_BYTES)), answer["ETag"].strip('"')

    def _document(self, bucket: str, key: str, region: str | None, lenient: bool) -> Any:
        content, etag = self._content(bucket, key, region)
        try:
            return answers.document(content, f"s3://{bucket}/{key}", lenient=lenient)
        except InvalidAnswer as error:
            if hashlib.md5(content, usedforsecurity=False).hexdigest() == etag:
                raise NotJSON(f"s3://{bucket}/{key} is not JSON") from None
            raise invalid(str(error), "GetObject") from None

    def invoke(self, function: str, payload: bytes, region: str | None = None) -> tuple[bytes, str]:
        """Invoke a Lambda function and wait for its answer: the payload, and the kind of error where it failed.

        Raises CloudError.
        """

        def once() -> tuple[bytes, str]:
            given = {"FunctionName": function, "InvocationType": "RequestResponse", "Payload": payload}
            answer = self._call("lambda", "Invoke", region, given)
            body = b"".join(_stream(answer["Payload"], DOCUMENT_BYTES, "lambda", "Invoke"))
            return body, str(answer.get("FunctionError") or "")

        return retries.until_done(once)

    def chunks(self, bucket: str, key: str, region: str | None = None) -> Iterator[bytes]:
        """Yield an object of S3 in chunks; after a lost connection, continue with the same version of the object.

        Raises CloudError.
        """
        start, more = 0, dict[str, str]()
        for number in itertools.count(1):
            answer = self.call("s3", "GetObject", region, Bucket=bucket, Key=key, **more)
            try:
                for chunk in _stream(answer["Body"], OBJECT_BYTES - start):
                    start += len(chunk)
                    yield chunk
                return
            except CloudError as error:
                if not error.is_passing or number >= retries.rounds(error):
                    raise
                more = {"Range": f"bytes={start}-", "IfMatch": answer["ETag"]} if start else {}
                retries.pause(number)

    def default_region(self) -> str | None:
        """Return the given region, else the profile's.

        Raises CloudError where the profile does not exist.
        """
        with _told(misconfigured):
            region: str | None = self.region or self._session.region_name
            return region

    def _keys(self) -> Any:
        """Return the caller's current keys; expired ones are refreshed.

        Raises CloudError.
        """
        from botocore.exceptions import NoCredentialsError

        source = self._source
        with _told(partial(credentials.trouble, source)):
            with self._lock:
                credential = self._session.get_credentials()
            if credential is None:
                raise NoCredentialsError
            keys = credential.get_frozen_credentials()
        credentials.check(source, access_key=keys.access_key, secret_key=keys.secret_key, session_token=keys.token)
        return keys

    @cached_property
    def _source(self) -> str:
        """Return the source of the credentials, as text."""
        with _told(misconfigured):
            settings = self._core.get_scoped_config()
            return credentials.source(self.profile, self._session.profile_name, settings, os.environ)

    def _client(self, service: str, region: str | None, attempts: int | None = None) -> Any:
        key = (service, region, attempts)
        client = self._clients.get(key)
        return self._make_client(*key) if client is None else client

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
            with _told(misconfigured):
                self._clients[key] = self._session.client(service, region_name=region, config=config)
            return self._clients[key]

    @cached_property
    def _core(self) -> Any:
        return cloud_session.strict()

    @cached_property
    def _session(self) -> Any:
        import boto3

        with _told(misconfigured):
            return boto3.Session(profile_name=self.profile, botocore_session=self._core)

    @cached_property
    def _endpoint(self) -> str | None:
        """Return the local endpoint, which has no host name for each bucket, or None."""
        return os.environ.get("AWS_ENDPOINT_URL")


@contextmanager
def _told(trouble: Callable[[str, str, int], CloudError]) -> Iterator[None]:
    """Convert errors before the first call by `trouble`, which gets code, message and status.

    botocore checks configuration files and credential processes only in part, so any exception may be raised.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        details = error.response.get("Error", {})
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        message = f"{error.operation_name}: {details.get('Message', error)}"
        raise trouble(str(details.get("Code", "Unknown")), message, status) from None
    except InvalidAnswer as error:
        raise trouble(INVALID_ANSWER, str(error), error.status) from None
    except wire.Endless as error:
        raise trouble(ENDLESS, str(error), 0) from None
    except BotoCoreError as error:
        raise trouble(type(error).__name__, str(error), 0) from None
    except OSError as error:
        file = f"{error.filename}: " if error.filename else ""
        raise trouble("OSError", f"{file}{(error.strerror or str(error)).lower()}", 0) from None
    except (EOFError, *answers.MALFORMED) as error:
        name = "no JSON" if isinstance(error, json.JSONDecodeError) else type(error).__name__
        raise trouble(type(error).__name__, f"{name}: {error}", 0) from None


def _stream(body: Any, most: int, service: str = "s3", operation: str = "GetObject") -> Iterator[bytes]:
    from botocore.exceptions import BotoCoreError

    size = 0
    try:
        for chunk in body.iter_chunks(CHUNK_BYTES):
            size += len(chunk)
            if size > most:
                raise wire.Endless(f"it has more than {most:,} bytes")
            yield chunk
    except wire.Endless as error:
        raise endless(str(error), operation) from None
    except BotoCoreError as error:
        raise _broken(error, service, operation) from None
    finally:
        body.close()


def _broken(error: Exception, service: str, operation: str, parameters: Any = None) -> CloudError:
    """Convert an exception of botocore: no answer, or a request that was not sent."""
    code, message = type(error).__name__, secrets.unquoted(str(error), secrets.variables(parameters))
    return CloudError(code, message, hint(code, message, service, operation), operation)


def _attempts() -> int:
    given = os.environ.get("AWS_MAX_ATTEMPTS", str(ATTEMPTS))
    if not given.isdecimal() or int(given) < 1:
        raise CloudError("BadConfiguration", f"AWS_MAX_ATTEMPTS is {given!r}", "make it a number, 1 or more")
    return int(given)


def _snake(operation: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", operation).lower()
