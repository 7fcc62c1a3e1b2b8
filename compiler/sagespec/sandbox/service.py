"""Operations of the sandbox: functions from a request to an answer, registered by name."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from sagespec.sandbox.clock import Clock, Table

Handler = Callable[["Region", dict[str, Any]], dict[str, Any]]
OPERATIONS: dict[str, Handler] = {}
READS = re.compile(r"(Describe|List|Get|Head|Filter|Batch(Get|Describe)|Search|Lookup)")


class ServiceError(Exception):
    """An error answer in the service's words."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def not_found(what: str) -> ServiceError:
    return ServiceError("ResourceNotFound", f"Could not find {what}.")


def operation(handler: Handler) -> Handler:
    """Register a handler under the API's name: `create_job` serves CreateJob."""
    OPERATIONS["".join(word.capitalize() for word in handler.__name__.split("_"))] = handler
    return handler


@dataclass(frozen=True)
class Timing:
    """Durations in seconds of the sandbox's clock."""

    job: float = 2.0
    lineage: float = 0.1


@dataclass
class Region:
    """The state of SageMaker in one account and region. Handlers run one at a time.

    With a `moment` it is the region at that time.
    """

    account: str
    region: str
    partition: str = "aws"
    timing: Timing = field(default_factory=Timing)
    facts: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    tokens: dict[tuple[str, str], tuple[float, str, dict[str, Any]]] = field(default_factory=dict)
    url: Callable[[], str] = field(default=lambda: "")
    """Returns the URL of the sandbox, once it listens."""
    tracking: dict[str, Any] = field(default_factory=dict)
    """The contents of MLflow apps and tracking servers, by ARN."""
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The sessions of presigned URLs, by token."""
    counts: Counter[str] = field(default_factory=Counter)
    clock: Clock = field(default_factory=Clock)
    moment: float | None = None

    def table(self, name: str) -> Table:
        return self.tables.setdefault(name, Table(self.clock)).at(self.moment)

    def at(self, moment: float | None) -> Region:
        """Return the same region at another moment; None is the present."""
        return replace(self, moment=moment)

    def now(self) -> float:
        return self.clock.now() if self.moment is None else self.moment

    def arn(self, resource: str) -> str:
        return f"arn:{self.partition}:sagemaker:{self.region}:{self.account}:{resource}"

    @property
    def caller(self) -> str:
        """The ARN of the caller: a session of the default execution role, as in a notebook or a CI job."""
        role = str(self.facts.get("role") or "SageMakerRole").rpartition("/")[2]
        return f"arn:{self.partition}:sts::{self.account}:assumed-role/{role}/sandbox"

    def new_id(self, of: str, length: int = 12) -> str:
        """Return a new id of letters and digits, the same in every run and for every order of creation."""
        self.counts[of] += 1
        text = f"{self.account} {self.region} {of} {self.counts[of]}"
        return hashlib.sha256(text.encode()).hexdigest()[:length]

    def once(self, name: str, request: dict[str, Any], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Carry a request out once for each token, which is remembered for REMEMBERED_SECONDS."""
        member = next((name for name in _TOKENS if request.get(name) is not None), None)
        if member is None:
            return make()
        token, content = request[member], json.dumps(request, sort_keys=True)
        at, before, answer = self.tokens.get((name, token), (-REMEMBERED_SECONDS, "", {}))
        if self.now() - at < REMEMBERED_SECONDS:
            if before != content:
                message = f"{member} {token} was already used with other parameters"
                raise ServiceError("ConflictException", message)
            return answer
        answer = make()
        self.tokens[name, token] = (self.now(), content, answer)
        return answer


REMEMBERED_SECONDS = 24 * 3600.0
"""How long a token counts; the service does not document its own."""
_TOKENS = ("ClientRequestToken", "ClientToken")
"""Members that make a request idempotent."""
CREATED = 1767225600.0
"""The creation time of everything that existed before the sandbox started."""
LOCK = threading.RLock()
MOTO = threading.Lock()
"""Held during every call of moto, which is not thread-safe."""
MALFORMED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""The exceptions of reading malformed data."""


def number(request: dict[str, Any], name: str) -> float | None:
    """Return a member that is a number or a time; None where it is absent.

    Raises ServiceError for any other value.
    """
    value = request.get(name)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    raise ServiceError("SerializationException", f"{name}: expected a number, found {value!r}")


def _whole(request: dict[str, Any], name: str) -> int:
    """Return a member that is an integer, also as text as in REST; 0 where it is absent.

    Raises ServiceError for any other value.
    """
    text = str(request.get(name) or "0")
    if not text.isdecimal():
        raise ServiceError("ValidationException", f"Invalid {name}: {text}")
    return int(text)


def page(request: dict[str, Any], items: list[Any], key: str, default: int = 50) -> dict[str, Any]:
    """Answer with one page of a list."""
    start, size = (_whole(request, name) for name in ("NextToken", "MaxResults"))
    end = start + (size or default)
    answer: dict[str, Any] = {key: items[start:end]}
    if end < len(items):
        answer["NextToken"] = str(end)
    return answer


def matching(request: dict[str, Any], items: Iterable[dict[str, Any]], *members: str) -> list[dict[str, Any]]:
    """Return the items whose members equal those of a request; members that it does not have match anything."""
    return [item for item in items if all(request.get(name) in (None, item.get(name)) for name in members)]


def select(request: dict[str, Any], items: list[dict[str, Any]], name: str, status: str) -> list[dict[str, Any]]:
    """Filter and sort like the List operations; `name` and `status` are the names of these members."""
    text, wanted = request.get("NameContains"), request.get("StatusEquals")
    after, before = number(request, "CreationTimeAfter"), number(request, "CreationTimeBefore")
    selected = [
        item
        for item in items
        if (text is None or text in item[name])
        and (wanted is None or item[status] == wanted)
        and (after is None or item["CreationTime"] > after)
        and (before is None or item["CreationTime"] < before)
    ]
    key = {"Name": name, "Status": status}.get(request.get("SortBy", ""), "CreationTime")
    return sorted(selected, key=lambda item: item[key], reverse=request.get("SortOrder") != "Ascending")
