"""What carrying out one file's requests needs, and what the files of one apply share.

In: AWS, a compiled file, and what the specs that it depends on have put out. Out: a `Submission`.
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
"""A word for what was done, and what came of it by name."""
OnRequest = Callable[[File, str, str, str], None]
"""Called with the file, the request's id, a word for what was done, and what it was done to."""


class Refused(Exception):
    """A resource of this name exists that others have made, or that differs from the file."""


class Stopped(Exception):
    """The apply was interrupted; what was not sent is not sent any more."""


@dataclass
class Pace:
    """At most one call in an interval, over all threads; a wait ends at once when the apply is stopped."""

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
    """What several files need and the first of them makes, by name; the others wait for it."""

    _made: dict[str, tuple[str, str]] = field(default_factory=dict)
    _locks: defaultdict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))

    def get(self, name: str, make: Callable[[], tuple[str, str]]) -> tuple[str, str]:
        """Make something once: a word for what was done, and its ARN or address."""
        with self._locks[name]:
            if name not in self._made:
                self._made[name] = make()
                return self._made[name]
            return "kept", self._made[name][1]


@dataclass(frozen=True)
class Submission:
    """What carrying out requests needs.

    `outputs` are those of the specs that the file depends on; `absent` are the ids of the requests for which the plan
    has found nothing, so that they need not look again before they create; `commit` is that of the compiled file.
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
        """Raise Stopped once the apply was interrupted."""
        if self.stopping.is_set():
            raise Stopped

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.cloud, self.region)

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        return self.cloud.call(service, operation, self.region, **parameters)

    def seen(self, request: Request, what: str, look: Callable[[], T | None]) -> T | None:
        """Look for what an answer has said to exist, until AWS shows it; None where it does not for minutes.

        Raises Stopped, CloudError.
        """

        def look_once() -> T | None:
            self.go_on()
            return look()

        def tell() -> None:
            self.on_request(self.file, request.id, "not shown yet", what)

        return look_for(look_once, stopping=self.stopping, on_wait=tell)


def taken(s: Submission, request: Request, name: str, describe: str, **parameters: Any) -> dict[str, Any]:
    """Look at the job that has a name, as AWS has said.

    Raises Refused, Stopped, CloudError.
    """
    described = s.seen(request, name, lambda: s.shelf.look("sagemaker", describe, **parameters))
    if described is None:
        raise Refused(f"AWS says that a job {name} exists, but does not show it; apply again later")
    return described
