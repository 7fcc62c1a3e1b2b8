"""The URLs of MLflow: its REST API, selected by ARN, and presigned URLs.

In: a request. Out: a WSGI answer: JSON of the API, a session for a presigned URL, or a page. Refuses ARNs of other
accounts and of apps and tracking servers that do not exist, and presigned URLs that are used or expired.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

from sagespec.sandbox import mlflow_servers, wire
from sagespec.sandbox.access import OWN
from sagespec.sandbox.mlflow import experiments, runs
from sagespec.sandbox.mlflow.server import Server, missing
from sagespec.sandbox.service import Region, ServiceError, not_found, operation

API = "/api/2.0/mlflow/"
PAGES = f"{OWN}mlflow/"
_HANDLERS = (experiments, runs)  # importing them registers their operations
_ARN = re.compile(
    r"arn:[a-z-]+:sagemaker:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):mlflow-(app|tracking-server)/[\w.-]+"
)
_HEADERS = ("HTTP_X_SM_MLFLOW_APP_ARN", "HTTP_X_MLFLOW_SM_TRACKING_SERVER_ARN")
_PAGE = re.compile(rf"{PAGES}(?P<region>[a-z0-9-]+)/(?P<resource>mlflow-(app|tracking-server)/[\w.-]+)(?P<rest>/.*)?")
_COOKIE = "mlflow-session"
URL_SECONDS = 300
SESSION_SECONDS = 43_200


def is_of_mlflow(path: str) -> bool:
    return path.startswith((API, PAGES))


@operation
def create_presigned_mlflow_app_url(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    return _presigned(region, request["Arn"], request)


@operation
def create_presigned_mlflow_tracking_server_url(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    return _presigned(region, region.arn(f"mlflow-tracking-server/{request['TrackingServerName']}"), request)


def _presigned(region: Region, arn: str, request: Mapping[str, Any]) -> dict[str, Any]:
    if not mlflow_servers.has(region, arn):
        raise not_found(arn)
    token = region.new_id(f"presigned {arn}", 32)
    region.sessions[token] = {
        "arn": arn,
        "used": False,
        "use_by": region.now() + request.get("ExpiresInSeconds", URL_SECONDS),
        "seconds": request.get("SessionExpirationDurationInSeconds", SESSION_SECONDS),
    }
    path = f"{PAGES}{region.region}/{arn.rpartition(':')[2]}"
    return {"AuthorizedUrl": f"{region.url()}{path}/auth?authToken={token}"}


def serve(
    environ: Mapping[str, Any],
    start_response: wire.StartResponse,
    region_of: Callable[[str], Region],
    home: str,
    given: Mapping[str, Any],
) -> Iterable[bytes]:
    """Answer a request to MLflow; one without an ARN is for the default app of the clients' default region.

    Raises ServiceError.
    """
    path = str(environ["PATH_INFO"])
    if path.startswith(API):
        arn = next((environ[name] for name in _HEADERS if environ.get(name)), "")
        arn = arn or str(region_of(home).facts.get("default_mlflow_app") or "")
        return _answer(start_response, region_of, arn, path.removeprefix(API), given)
    page = _PAGE.fullmatch(path)
    if page is None:
        raise missing(f"There is nothing at {path}.")
    region, rest = region_of(page["region"]), page["rest"] or "/"
    arn, base = region.arn(page["resource"]), path[: page.end("resource")]
    if rest == "/auth":
        return _begin(start_response, region, arn, base, str(given.get("authToken")))
    if not _has_session(environ, region, arn):
        raise ServiceError("PERMISSION_DENIED", "There is no session: begin one with a presigned URL.", 403)
    if rest.startswith(API):
        return _answer(start_response, region_of, arn, rest.removeprefix(API), given)
    if rest != "/":
        raise missing(f"There is nothing at {path}.")
    return _overview(start_response, region, arn)


def _answer(
    start_response: wire.StartResponse,
    region_of: Callable[[str], Region],
    arn: str,
    called: str,
    given: Mapping[str, Any],
) -> Iterable[bytes]:
    named = _ARN.fullmatch(arn)
    if named is None:
        raise missing(f"{arn!r} is not an MLflow app or tracking server.")
    region = region_of(named["region"])
    if named["account"] != region.account:
        raise ServiceError("PERMISSION_DENIED", f"User is not authorized to access {arn}", 403)
    return wire.answer(start_response, 200, json.dumps(_server(region, arn).answer(region, called, given)))


def _server(region: Region, arn: str) -> Server:
    if not mlflow_servers.has(region, arn):
        raise missing(f"There is no {arn}.")
    server: Server = region.tracking.setdefault(arn, Server(arn))
    return server


def _begin(start_response: wire.StartResponse, region: Region, arn: str, base: str, token: str) -> Iterable[bytes]:
    """Begin the session of a presigned URL, which can be used once.

    Raises ServiceError.
    """
    session = region.sessions.get(token)
    if session is None or session["arn"] != arn or session["used"] or region.now() > session["use_by"]:
        raise ServiceError(
            "PERMISSION_DENIED", "This URL was used before, has expired, or is not of this sandbox.", 403
        )
    session.update(used=True, until=region.now() + session["seconds"])
    cookie = f"{_COOKIE}={token}; Path={base}; HttpOnly; SameSite=Strict"
    start_response("302 Found", [("Location", f"{base}/"), ("Set-Cookie", cookie), ("Content-Length", "0")])
    return []


def _has_session(environ: Mapping[str, Any], region: Region, arn: str) -> bool:
    try:
        cookie = SimpleCookie(environ.get("HTTP_COOKIE", "")).get(_COOKIE)
    except CookieError:
        return False
    session = region.sessions.get(cookie.value) if cookie else None
    return session is not None and session["arn"] == arn and region.now() < session.get("until", 0)


def _overview(start_response: wire.StartResponse, region: Region, arn: str) -> Iterable[bytes]:
    """Answer with a page of all experiments and runs, without scripts."""
    server, lines = _server(region, arn), []
    for experiment in server.answer(region, "experiments/search", {})["experiments"]:
        lines.append(f"<h2>{html.escape(experiment['name'])}</h2><ul>")
        asked = {"experiment_ids": [experiment["experiment_id"]]}
        for run in server.answer(region, "runs/search", asked)["runs"]:
            metrics = ", ".join(f"{point['key']} {point['value']}" for point in run["data"]["metrics"])
            shown = f"{run['info']['run_name']} ({run['info']['status']}) {metrics}"
            lines.append(f"<li><code>{run['info']['run_id']}</code> {html.escape(shown)}</li>")
        lines.append("</ul>")
    title = html.escape(arn)
    text = f"<!doctype html><title>{title}</title><h1>{title}</h1>{''.join(lines)}".encode()
    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", "default-src 'none'"),
        ("Content-Length", str(len(text))),
    ]
    start_response("200 OK", headers)
    return [text]
