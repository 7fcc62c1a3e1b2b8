"""What an operation of the sandbox is: a function from a request to an answer, found by its name."""

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
    """An answer that is an error, as the service words it."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def not_found(what: str) -> ServiceError:
    return ServiceError("ResourceNotFound", f"Could not find {what}.")


def operation(handler: Handler) -> Handler:
    """Register a handler under the API's name for it: `create_job` serves CreateJob."""
    OPERATIONS["".join(word.capitalize() for word in handler.__name__.split("_"))] = handler
    return handler


@dataclass(frozen=True)
class Timing:
    """How long things take here, in seconds of the sandbox's clock."""

    job: float = 2.0
    lineage: float = 0.1


@dataclass
class Region:
    """Everything SageMaker knows of one account in one region. Handlers run one at a time.

    With a `moment` it is the region as it was then, or as a step that started then finds it.
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
    """Where the sandbox is, once it listens."""
    tracking: dict[str, Any] = field(default_factory=dict)
    """What MLflow apps and tracking servers hold, by ARN."""
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What presigned URLs lead to, by token."""
    counts: Counter[str] = field(default_factory=Counter)
    clock: Clock = field(default_factory=Clock)
    moment: float | None = None

    def table(self, name: str) -> Table:
        return self.tables.setdefault(name, Table(self.clock)).at(self.moment)

    def at(self, moment: float | None) -> Region:
        """The same region at another moment; None is the present."""
        return replace(self, moment=moment)

    def now(self) -> float:
        return self.clock.now() if self.moment is None else self.moment

    def arn(self, resource: str) -> str:
        return f"arn:{self.partition}:sagemaker:{self.region}:{self.account}:{resource}"

    @property
    def caller(self) -> str:
        """Who asks: a session of the default execution role, as in a notebook or a CI job."""
        role = str(self.facts.get("role") or "SageMakerRole").rpartition("/")[2]
        return f"arn:{self.partition}:sts::{self.account}:assumed-role/{role}/sandbox"

    def new_id(self, of: str, length: int = 12) -> str:
        """An id that is new here: letters and digits, the same in every run, in whatever order things are made."""
        self.counts[of] += 1
        text = f"{self.account} {self.region} {of} {self.counts[of]}"
        return hashlib.sha256(text.encode()).hexdigest()[:length]

    def once(self, name: str, request: dict[str, Any], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Carry a request out once for its token, which is remembered for a while."""
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
"""How long a token counts; the service does not say how long that is."""
_TOKENS = ("ClientRequestToken", "ClientToken")
"""Members that make a request idempotent."""
CREATED = 1767225600.0
"""When everything was made that was there before the sandbox started."""
LOCK = threading.RLock()
MOTO = threading.Lock()
"""Held while moto is asked anything: it is not made for threads."""
MALFORMED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What reading data raises that is not of the expected form."""


def number(request: dict[str, Any], name: str) -> float | None:
    """A member that is a number, a time among them; None where it is not there."""
    value = request.get(name)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    raise ServiceError("SerializationException", f"{name}: expected a number, found {value!r}")


def _whole(request: dict[str, Any], name: str) -> int:
    """A member that says where or how much: a number, also as text as REST has it; 0 where it is not there."""
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
    """Keep the items that have what a request asks of these members; what it does not name may be anything."""
    return [item for item in items if all(request.get(name) in (None, item.get(name)) for name in members)]


def select(request: dict[str, Any], items: list[dict[str, Any]], name: str, status: str) -> list[dict[str, Any]]:
    """Filter and sort as the List operations do; `name` and `status` are the members that hold them."""
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
