"""Restrict access to programs on this machine, and to the services that the sandbox has.

In: the headers of a request, or the name of a service. Refuses host names other than this machine's (a web page whose
name resolves to loopback sends its own), requests of a browser for a page of another site, and other services.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sagespec.sandbox.service import ServiceError

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_HOST = re.compile(r"(127\.0\.0\.1|localhost)(:\d{1,5})?", re.IGNORECASE)
"""Names of this machine, which no DNS server answers. The port may be that of a program that forwards to ours."""
_HOST_OF_BUCKET = re.compile(rf"[a-z0-9][a-z0-9.-]*\.{_HOST.pattern}", re.IGNORECASE)
"""The host names that S3's clients form for a bucket or an access point; no DNS server answers them (RFC 6761)."""
OWN = "/_sagespec/"
"""The prefix of our own paths, which AWS does not have; no bucket can have this name."""
OF_MOTO = ("ecr", "iam", "lambda", "logs", "s3", "sts")
_INVOCATION = re.compile(r"/functions/.*/(invocations|invoke-async/?|response-streaming-invocations)")
_OWN_PAGES = frozenset({"none", "same-origin"})
_CORS = "access-control-"


def check(environ: Mapping[str, Any], service: str) -> None:
    """Check the origin of a request.

    Raises ServiceError for another host name, and for a page of another site: browsers send `Origin` with requests
    that may change something, and `Sec-Fetch-Site` with all.
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
    """Return the application of moto that serves a request.

    Raises ServiceError for moto's other services, and for running a function, for which moto would fetch a container
    from the network.
    """
    app = of_moto.get(service)
    if app is None:
        raise ServiceError("UnknownOperationException", f"The sandbox does not serve this request to {service}.", 403)
    if service == "lambda" and _INVOCATION.search(path):
        raise ServiceError("UnknownOperationException", "The sandbox keeps functions and does not run them.", 403)
    return app


def without_cors(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the headers of an answer without those that let pages of other sites read it; moto always sends them."""
    return [(name, value) for name, value in headers if not name.lower().startswith(_CORS)]


def _origin(url: str) -> str:
    """Return scheme, host and port of a URL."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}".lower()


def _refused(message: str) -> ServiceError:
    return ServiceError("AccessDeniedException", message, 403)
