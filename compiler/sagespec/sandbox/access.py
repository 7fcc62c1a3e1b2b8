"""Restrict access to programs on this machine, and to the services that the sandbox has.

In: the headers of a request, or the name of a service. Refuses: names other than those of this machine (a web page
whose name is made to resolve to loopback sends its own), requests that a browser sends for a page of another site,
and services that nothing here needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sagespec.sandbox.service import ServiceError

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_HOST = re.compile(r"(127\.0\.0\.1|localhost)(:\d{1,5})?", re.IGNORECASE)
"""Names of this machine, which no name server gives. The port may be that of a program that forwards to ours."""
_HOST_OF_BUCKET = re.compile(rf"[a-z0-9][a-z0-9.-]*\.{_HOST.pattern}", re.IGNORECASE)
"""What S3's clients make of them for a bucket or an access point; no name server gives these either (RFC 6761)."""
OWN = "/_sagespec/"
"""Paths of what AWS has not; no bucket can be called so."""
OF_MOTO = ("ecr", "iam", "lambda", "logs", "s3", "sts")
_INVOCATION = re.compile(r"/functions/.*/(invocations|invoke-async/?|response-streaming-invocations)")
_OWN_PAGES = frozenset({"none", "same-origin"})
_CORS = "access-control-"


def check(environ: Mapping[str, Any], service: str) -> None:
    """Check where a request to a service comes from.

    Raises ServiceError for one under another name, and for one of a page of another site: browsers send `Origin`
    with whatever may change something, and `Sec-Fetch-Site` with everything.
    """
    host = str(environ.get("HTTP_HOST", ""))
    of_bucket = service == "s3" and not environ["PATH_INFO"].startswith(OWN) and _HOST_OF_BUCKET.fullmatch(host)
    if not (_HOST.fullmatch(host) or of_bucket):
        raise _refused(f"the sandbox is 127.0.0.1 or localhost, not {host!r}")
    own = f"http://{host}".lower()
    for header in ("HTTP_ORIGIN", "HTTP_REFERER"):
        origin = environ.get(header)
        if origin is not None and _origin(str(origin)) != own:
            raise _refused(f"the sandbox serves no page of {origin!r}")
    if environ.get("HTTP_SEC_FETCH_SITE", "none") not in _OWN_PAGES:
        raise _refused("the sandbox serves no page of another site")


def application(of_moto: Mapping[str, Application], service: str, path: str) -> Application:
    """The application of moto's that serves a request.

    Raises ServiceError for the two hundred services that moto has besides, and for running a function: moto would
    fetch a container from the network for it.
    """
    app = of_moto.get(service)
    if app is None:
        raise ServiceError("UnknownOperationException", f"The sandbox does not serve this request to {service}.", 403)
    if service == "lambda" and _INVOCATION.search(path):
        raise ServiceError("UnknownOperationException", "The sandbox keeps functions and does not run them.", 403)
    return app


def without_cors(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers of an answer but for those that let pages of other sites read it; moto sends them with each."""
    return [(name, value) for name, value in headers if not name.lower().startswith(_CORS)]


def _origin(url: str) -> str:
    """Scheme, host and port of a URL."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}".lower()


def _refused(message: str) -> ServiceError:
    return ServiceError("AccessDeniedException", message, 403)
