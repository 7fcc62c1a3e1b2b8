"""The data for sending one file's requests, and what the files of one apply share.

In: AWS, a compiled file, and the outputs of its dependencies. Out: a `Submission`.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sagespec.documents.compiled import Request
from sagespec.executor import pauses
from sagespec.executor.cloud import Cloud
from sagespec.executor.files import File
from sagespec.executor.patience import look_for
from sagespec.executor.resources import Shelf
from sagespec.project.settings import Project

T = TypeVar("T")
Answer = tuple[str, dict[str, Any]]
"""A word for what was done, and the members of the result by name."""
OnRequest = Callable[[File, str, str, str], None]
"""Called with the file, the request's id, a word for what was done, and the resource."""


class Refused(Exception):
    """A foreign resource has this name, or one that differs from the file."""


class Stopped(Exception):
    """The apply was interrupted; nothing more is sent."""


@dataclass
class Pace:
    """Allows one call in an interval, over all threads; a stop ends the wait."""

    seconds: float
    _next: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, stopping: threading.Event) -> None:
        with self._lock:
            pause = self._next - pauses.now()
            self._next = max(self._next, pauses.now()) + self.seconds
        if pause > 0:
            pauses.pause(pause, stopping)


@dataclass
class Shared:
    """Resources that several files need and the first one creates, by name; the others wait for it."""

    _made: dict[str, tuple[str, str]] = field(default_factory=dict)
    _locks: defaultdict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))

    def get(self, name: str, make: Callable[[], tuple[str, str]]) -> tuple[str, str]:
        """Create a resource once; return a word for what was done, and its ARN or address."""
        with self._locks[name]:
            if name not in self._made:
                self._made[name] = make()
                return self._made[name]
            return "kept", self._made[name][1]


@dataclass(frozen=True)
class Submission:
    """The data for sending requests.

    `outputs` are those of the file's dependencies. `absent` are the ids of requests whose resource the plan has not
    found, so that they are created without another look-up. `commit` is the compiled file's.
    """

    cloud: Cloud
    file: File
    project: Project
    outputs: Mapping[str, Any]
    on_request: OnRequest
    absent: frozenset[str] = frozenset()
    commit: str | None = None
    shared: Shared = field(default_factory=Shared)
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def region(self) -> str:
        return self.file.content.region

    def go_on(self) -> None:
        """Raise Stopped after an interrupt."""
        if self.stopping.is_set():
            raise Stopped

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.cloud, self.region)

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        return self.cloud.call(service, operation, self.region, **parameters)

    def seen(self, request: Request, what: str, look: Callable[[], T | None]) -> T | None:
        """Look up what AWS has said to exist, until it is shown; None if the patience ends first.

        Raises Stopped, CloudError.
        """

        def look_once() -> T | None:
            self.go_on()
            return look()

        def tell() -> None:
            self.on_request(self.file, request.id, "not shown yet", what)

        return look_for(look_once, stopping=self.stopping, on_wait=tell)


def taken(s: Submission, request: Request, name: str, describe: str, **parameters: Any) -> dict[str, Any]:
    """Look up the job that has a name, after AWS has said that the name is taken.

    Raises Refused, Stopped, CloudError.
    """
    described = s.seen(request, name, lambda: s.shelf.look("sagemaker", describe, **parameters))
    if described is None:
        raise Refused(f"AWS says that a job {name} exists, but does not show it; apply again later")
    return described
