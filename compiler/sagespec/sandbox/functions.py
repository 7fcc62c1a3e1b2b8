"""Earlier states of Lambda functions, because moto has only the current one.

In: a request to Lambda that moto has carried out, or a read. Out: the answer of an earlier moment. Other reads of
functions (policies, aliases) are answered by moto without delay.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

from sagespec.sandbox.service import Region, ServiceError

Ask = Callable[[dict[str, Any]], list[bytes]]
"""Asks moto: maps a WSGI environment to the body of the answer."""
_FUNCTIONS = "/2015-03-31/functions"
_INVOCATION = re.compile(rf"{_FUNCTIONS}/(?:arn:[^/]+:function:)?(?P<name>[^/:]+)/invocations")
_ONE = re.compile(rf"{_FUNCTIONS}/(?:arn:[^/]+:function:)?(?P<name>[^/:]+)(?::[^/]*)?(?P<part>/configuration)?/?")


def note(region: Region, ask: Ask, environ: dict[str, Any]) -> None:
    """Record the region's functions after a change."""
    known = region.table("functions")
    now = {c["FunctionName"]: c for c in _read(ask, environ, _FUNCTIONS)["Functions"]}
    for name in known.keys() - now.keys():
        del known[name]
    for name, configuration in now.items():
        if name not in known or known[name]["Listed"] != configuration or "/tags/" in environ["PATH_INFO"]:
            known[name] = {**_read(ask, environ, f"{_FUNCTIONS}/{name}"), "Listed": configuration}


def _read(ask: Ask, environ: dict[str, Any], path: str) -> Any:
    bare = {name: value for name, value in environ.items() if not name.startswith("werkzeug.")}
    where = {"PATH_INFO": path, "RAW_URI": path, "REQUEST_URI": path, "QUERY_STRING": ""}
    content = ask({**bare, **where, "REQUEST_METHOD": "GET", "wsgi.input": BytesIO(), "CONTENT_LENGTH": "0"})
    return json.loads(b"".join(content))


def invoke(region: Region, path: str, body: bytes) -> tuple[bytes, bool] | None:
    """Answer a synchronous invocation: the payload, and whether it is an error; None for what is no invocation.

    Functions are kept and not run. One with the variable SANDBOX_ANSWER answers with that, and one with SANDBOX_ERROR
    fails with that message. Else each answers as a reward function does, with a reward for each record: in the form
    for Nova models where its name says so.
    """
    one = _INVOCATION.fullmatch(path)
    if one is None:
        return None
    function = region.table("functions").get(one["name"])
    if function is None:
        raise _missing(region, one["name"])
    variables = function["Configuration"].get("Environment", {}).get("Variables", {})
    if "SANDBOX_ERROR" in variables:
        return json.dumps({"errorType": "RuntimeError", "errorMessage": variables["SANDBOX_ERROR"]}).encode(), True
    if "SANDBOX_ANSWER" in variables:
        return str(variables["SANDBOX_ANSWER"]).encode(), False
    records = json.loads(body or b"null")
    given = records if isinstance(records, list) else []
    rewards = [
        {"id": str(record.get("id", number) if isinstance(record, dict) else number), "aggregate_reward_score": 1.0}
        for number, record in enumerate(given, 1)
    ]
    answer = rewards if "nova" in one["name"].lower() else {"statusCode": 200, "body": json.dumps(rewards)}
    return json.dumps(answer).encode(), False


def _missing(region: Region, name: str) -> ServiceError:
    arn = f"arn:{region.partition}:lambda:{region.region}:{region.account}:function:{name}"
    return ServiceError("ResourceNotFoundException", f"Function not found: {arn}", 404)


def read(region: Region, path: str) -> dict[str, Any] | None:
    """Answer GetFunction, GetFunctionConfiguration and ListFunctions; None for other requests."""
    known = region.table("functions")
    if path.rstrip("/") == _FUNCTIONS:
        return {"Functions": [function["Listed"] for function in known.values()]}
    one = _ONE.fullmatch(path)
    if one is None:
        return None
    if one["name"] not in known:
        raise _missing(region, one["name"])
    answer = {name: value for name, value in known[one["name"]].items() if name != "Listed"}
    configuration: dict[str, Any] = answer["Configuration"]
    return configuration if one["part"] else answer
