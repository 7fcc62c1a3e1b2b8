"""AWS, as the executor sees it; the only module that knows boto3.

In: a service, an operation, parameters. Out: the answer. Everything that can go wrong on the way becomes a
`CloudError` with its cause and a hint, malformed answers included; retries are botocore's.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, TypeVar

from sagespec.diagnostics import secrets
from sagespec.executor import answers, credentials, pauses, wire
from sagespec.executor.answers import InvalidAnswer
from sagespec.executor.cloud_errors import (
    ENDLESS,
    FAR,
    INVALID_ANSWER,
    CloudError,
    endless,
    hint,
    invalid,
    misconfigured,
)

__all__ = ["ROUNDS", "Cloud", "CloudError", "NotJSON"]

ATTEMPTS = 8
"""Tries of one request in all; botocore's default of three loses a long plan to a throttled account."""
ROUNDS = 12
"""How often trouble that may pass is met anew: botocore stops retrying once its quota of retries is used up."""
ENDLESS_ROUNDS = 3
"""How often an answer without an end is met: each takes a minute."""
LONGEST_PAUSE_SECONDS = 5.0
OBJECT_BYTES = 5 * 1024**3
"""The largest object of S3 that is read: the largest that S3 takes in one request."""
DOCUMENT_BYTES = 64 * 1024**2
"""The largest that is read as a whole."""
CHUNK_BYTES = 1 << 20
_TOKENS = {"ListObjectsV2": ("ContinuationToken", "NextContinuationToken")}
"""How operations call the token that they take, and the one that they give, where these are not the same."""
T = TypeVar("T")


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
        """Carry out one operation, named as the API names it; trouble that passes is waited out.

        Raises CloudError for whatever botocore raises.
        """
        return _patiently(lambda: self._call(service, operation, region, parameters))

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

        self._keys()  # here, so that what is wrong with credentials is told as that
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
        """Go through the pages of a List operation; services of REST spell the token's name in lower case.

        Raises CloudError, also for a token that was there before: the pages would have no end.
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
        """The caller's account; needs no permission, but a region to ask in."""
        return str(self.call("sts", "GetCallerIdentity", region)["Account"])

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """The environment in which another program acts as the caller, for as long as the credentials are good.

        Raises CloudError without credentials.
        """
        keys = self._keys()
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
        return _patiently(lambda: self._content(bucket, key, region))[0]

    def document(self, bucket: str, key: str, region: str | None = None, *, lenient: bool = False) -> Any:
        """Read an object of S3 as JSON, or what programs in Python write for it; half of one is read again.

        Raises NotJSON for an object that is as it was written, and CloudError.
        """
        return _patiently(lambda: self._document(bucket, key, region, lenient))

    def _content(self, bucket: str, key: str, region: str | None) -> tuple[bytes, str]:
        """An object, and its ETag."""
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

    def chunks(self, bucket: str, key: str, region: str | None = None) -> Iterator[bytes]:
        """Read an object of S3 piece by piece; where the connection ends in the middle, the same object goes on.

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
                if not error.is_passing or number >= _rounds(error):
                    raise
                more = {"Range": f"bytes={start}-", "IfMatch": answer["ETag"]} if start else {}
                _pause(number)

    def default_region(self) -> str | None:
        """The region that this was given, else the one of the profile.

        Raises CloudError where there is no such profile.
        """
        with _told(misconfigured):
            region: str | None = self.region or self._session.region_name
            return region

    def _keys(self) -> Any:
        """The caller's keys as they are now; those that expire are made anew.

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
        """What the credentials come from."""
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
        return _strict_session()

    @cached_property
    def _session(self) -> Any:
        import boto3

        with _told(misconfigured):
            return boto3.Session(profile_name=self.profile, botocore_session=self._core)

    @cached_property
    def _endpoint(self) -> str | None:
        """A local endpoint has no host name for each bucket."""
        return os.environ.get("AWS_ENDPOINT_URL")


def _strict_session() -> Any:
    """A session of botocore that rejects malformed answers."""
    from botocore.parsers import ResponseParserError, ResponseParserFactory
    from botocore.session import Session

    malformed = (*answers.MALFORMED, ResponseParserError)

    @dataclass(frozen=True)
    class Parser:
        protocol: str
        lenient: Any

        def parse(self, response: dict[str, Any], shape: Any) -> Any:
            try:
                return self._parse(response, shape)
            except InvalidAnswer:
                if hasattr(response["body"], "close"):  # a stream that nobody will read
                    response["body"].close()
                raise

        def _parse(self, response: dict[str, Any], shape: Any) -> Any:
            operation = response["context"]["operation_name"]
            answers.check_http(operation, self.protocol, shape, response)
            try:
                answer = self.lenient.parse(response, shape)
            except malformed as error:
                raise InvalidAnswer(f"cannot be read: {error}", response["status_code"]) from None
            if response["status_code"] < answers.ERROR:
                answers.check_members(operation, shape, answer)
            return answer

    class Parsers(ResponseParserFactory):  # type: ignore[misc]  # botocore has no types
        def create_parser(self, protocol_name: str) -> Parser:
            return Parser(protocol_name, super().create_parser(protocol_name))

    class Client:
        """What every client of the session is, those that fetch credentials as well."""

        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            pools = self._endpoint.http_session._pool_classes_by_scheme  # type: ignore[attr-defined]  # of botocore's
            pools |= wire.limited(pools)

    made = Session()
    made.register_component("response_parser_factory", Parsers())
    made.register("creating-client-class", lambda base_classes, **_: base_classes.insert(0, Client))
    return made


@contextmanager
def _told(trouble: Callable[[str, str, int], CloudError]) -> Iterator[None]:
    """Tell whatever goes wrong, before anything is asked, as one sort of trouble: of code, message and status.

    botocore checks little of what files of configuration and programs say: anything may be raised.
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


def _patiently(attempt: Callable[[], T]) -> T:
    """Try until trouble that passes has passed; whom nobody reaches at all is not waited for."""
    for number in range(1, ROUNDS):
        try:
            return attempt()
        except CloudError as error:
            if not error.is_passing or number >= _rounds(error):
                raise
            _pause(number)
    return attempt()


def _rounds(error: CloudError) -> int:
    return 1 if error.code in FAR else ENDLESS_ROUNDS if error.code == ENDLESS else ROUNDS


def _pause(number: int) -> None:
    """Wait a little, the longer the more often it was tried."""
    pauses.pause(random.uniform(0, min(LONGEST_PAUSE_SECONDS, 0.1 * 2**number)))


def _stream(body: Any, most: int) -> Iterator[bytes]:
    from botocore.exceptions import BotoCoreError

    size = 0
    try:
        for chunk in body.iter_chunks(CHUNK_BYTES):
            size += len(chunk)
            if size > most:
                raise wire.Endless(f"it has more than {most:,} bytes")
            yield chunk
    except wire.Endless as error:
        raise endless(str(error), "GetObject") from None
    except BotoCoreError as error:
        raise _broken(error, "s3", "GetObject") from None
    finally:
        body.close()


def _broken(error: Exception, service: str, operation: str, parameters: Any = None) -> CloudError:
    """What botocore itself has to say: nobody has answered, or nobody was asked."""
    code, message = type(error).__name__, secrets.unquoted(str(error), secrets.variables(parameters))
    return CloudError(code, message, hint(code, message, service, operation), operation)


def _attempts() -> int:
    given = os.environ.get("AWS_MAX_ATTEMPTS", str(ATTEMPTS))
    if not given.isdecimal() or int(given) < 1:
        raise CloudError("BadConfiguration", f"AWS_MAX_ATTEMPTS is {given!r}", "make it a number, 1 or more")
    return int(given)


def _snake(operation: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", operation).lower()
