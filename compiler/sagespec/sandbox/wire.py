"""Parse requests and write answers in AWS's protocols.

In: a WSGI environment, or an answer. Out: a request's parts, or a WSGI answer. Incomplete requests are dropped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

from sagespec.sandbox.service import Region, ServiceError

StartResponse = Callable[..., Any]
_OF_S3 = {"ThrottlingException": ("SlowDown", 503), "InternalFailure": ("InternalError", 500)}
"""S3's codes for errors that have other codes elsewhere."""
_IN_JSON = ("bedrock", "bedrock-agentcore", "ecr", "lambda", "logs", "mlflow", "sagemaker")
"""Services with JSON errors; clients of all others, unknown ones included, read XML."""


def read_body(environ: dict[str, Any]) -> bytes:
    """Read the body and put it back; an incomplete one, of a client that has died, is dropped.

    Raises ServiceError for a body without an end.
    """
    if environ.get("HTTP_TRANSFER_ENCODING", "").strip().lower() == "chunked":
        try:
            body: bytes = environ["wsgi.input"].read()
        except OSError as error:
            raise ServiceError("SerializationException", f"the body cannot be read: {error}") from None
        environ["CONTENT_LENGTH"] = str(len(body))
        environ.pop("HTTP_TRANSFER_ENCODING")
    else:
        length = environ.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal():
            raise ServiceError("SerializationException", f"{length!r} is not the length of a body")
        body = environ["wsgi.input"].read(int(length))
        if len(body) < int(length):
            raise ConnectionAbortedError("the client is gone")
    environ["wsgi.input"] = BytesIO(body)
    return body


class Request(dict[str, Any]):
    """The members of a request; a missing required member is refused in the service's words."""

    def __missing__(self, name: str) -> Any:
        constraint = "failed to satisfy constraint: Member must not be null"
        message = f"1 validation error detected: Value null at '{name}' {constraint}"
        raise ServiceError("ValidationException", message)


def parse(body: bytes) -> Request:
    try:
        body_object = json.loads(body or b"{}")
    except (RecursionError, ValueError) as error:
        raise ServiceError("SerializationException", f"the body is not JSON: {error}") from None
    if not isinstance(body_object, dict):
        raise ServiceError("SerializationException", "the body is not a structure")
    return Request(body_object)


def operation(environ: dict[str, Any], service: str, body: bytes) -> str:
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return str(target.rpartition(".")[2])
    if service in ("sts", "iam"):
        match = re.search(rb"Action=(\w+)", body)
        return match[1].decode() if match else "Unknown"
    return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"


def answer(start_response: StartResponse, status: int, body: Any) -> Iterable[bytes]:
    text = body if isinstance(body, str) else json.dumps(body)
    content = text.encode()
    headers = [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(content)))]
    start_response(f"{status} {'OK' if status < 400 else 'Error'}", headers)
    return [content]


def invoked(start_response: StartResponse, payload: bytes, has_failed: bool) -> Iterable[bytes]:
    """Answer an invocation of a function."""
    error = [("X-Amz-Function-Error", "Unhandled")] if has_failed else []
    start_response("200 OK", [("Content-Type", "application/json"), *error, ("x-amzn-requestid", "sandbox")])
    return [payload]


def page(start_response: StartResponse) -> Iterable[bytes]:
    """Answer like a proxy that wants a sign-in."""
    content = b"<html><body>Please sign in.</body></html>"
    start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", str(len(content)))])
    return [content]


def half(
    start_response: StartResponse, status: str, headers: list[tuple[str, str]], content: bytes, is_announced: bool
) -> Iterable[bytes]:
    """Send the first half of an answer, with the length of the whole in its header or its own."""
    if content:
        kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
        length = len(content) if is_announced else len(content) // 2
        headers = [*kept, ("Content-Length", str(length)), ("Connection", "close")]
    start_response(status, headers)
    return [content[: len(content) // 2]]


def identity(start_response: StartResponse, region: Region) -> Iterable[bytes]:
    inner = f"<Arn>{region.caller}</Arn><UserId>AROASANDBOX:sandbox</UserId><Account>{region.account}</Account>"
    return xml(start_response, "GetCallerIdentity", inner)


def xml(start_response: StartResponse, operation: str, inner: str) -> Iterable[bytes]:
    """Answer in the query protocol: a result within a response."""
    result = f"<{operation}Result>{inner}</{operation}Result>"
    content = f"<{operation}Response>{result}</{operation}Response>".encode()
    start_response("200 OK", [("Content-Type", "text/xml"), ("Content-Length", str(len(content)))])
    return [content]


def error(start_response: StartResponse, error: ServiceError, service: str) -> Iterable[bytes]:
    if service not in _IN_JSON:
        inner = f"<Error><Code>{error.code}</Code><Message>{escape(error.message)}</Message></Error>"
        text = f"<ErrorResponse>{inner}</ErrorResponse>"
        if service == "s3":
            code, status = _OF_S3.get(error.code, (error.code, error.status))
            text = f"<Error><Code>{code}</Code><Message>{escape(error.message)}</Message></Error>"
            error = ServiceError(code, error.message, status)
        content = text.encode()
        start_response(f"{error.status} Error", [("Content-Type", "text/xml"), ("Content-Length", str(len(content)))])
        return [content]
    start = [("x-amzn-ErrorType", error.code)]
    said = {"__type": error.code, "error_code": error.code, "message": error.message, "Message": error.message}
    content = json.dumps(said).encode()
    headers = [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(content))), *start]
    start_response(f"{error.status} Error", headers)
    return [content]
