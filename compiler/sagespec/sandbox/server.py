"""The endpoint: every service behind one port.

Requests to SageMaker, AgentCore and Bedrock are answered here, all others by moto. Every request is recorded, so that
tests can count changes. Every request is answered in AWS's form; a defect of the sandbox is an InternalFailure.
"""

from __future__ import annotations

import json
import logging
import re
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs

from sagespec.sandbox import (
    access,
    buckets,
    ecr,
    functions,
    hub,
    hub_contents,
    isolation,
    jobs,
    lineage,
    logs,
    mlflow,
    mlflow_servers,
    packages,
    permissions,
    pipelines,
    registry,
    requests,
    search,
    training,
    wire,
)
from sagespec.sandbox import account as seeding
from sagespec.sandbox.clock import Clock
from sagespec.sandbox.faults import Dice, Faults
from sagespec.sandbox.listener import Listener
from sagespec.sandbox.service import LOCK, MALFORMED, MOTO, OPERATIONS, READS, Region, ServiceError, Timing

LOG = logging.getLogger(__name__)
_HANDLERS = (
    hub,
    hub_contents,
    jobs,
    lineage,
    mlflow_servers,
    packages,
    pipelines,
    registry,
    search,
    training,
)  # importing them registers their operations
_SCOPE = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/")
_LAGGING = ("lambda", "logs", "sagemaker")
"""Services whose reads may be late. S3 is consistent, and the other services are only read."""
_FAILURE = ServiceError("InternalFailure", "We are sorry.", 500)


@dataclass(frozen=True)
class Call:
    """One request to the endpoint; `fault` is the injected fault, `lag` the delay of its reads in seconds."""

    service: str
    operation: str
    mutating: bool
    fault: str | None = None
    lag: float = 0.0


@dataclass
class Sandbox:
    """A running sandbox; close it, or use it as a context manager."""

    account: str
    faults: Faults
    timing: Timing
    limits: Mapping[str, int]
    facts: Mapping[str, Mapping[str, Any]]
    clock: Clock = field(default_factory=Clock)
    calls: list[Call] = field(default_factory=list)
    regions: dict[str, Region] = field(default_factory=dict)
    home: str = "us-east-1"
    """The default region of clients."""
    url: str = ""
    observer: Callable[[Call, bool], None] | None = None
    """Called with each request before it is carried out, and again with True before it is answered."""
    is_late: Callable[[str], bool] = lambda _operation: True
    """Returns whether `lag` applies to an operation."""
    _listener: Listener | None = None
    _moto: Any = None

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: tuple[type[BaseException], BaseException, TracebackType]) -> None:
        self.close()

    def listen(self, port: int) -> None:
        """Open the port and serve from a thread.

        Raises OSError where the port is not available.
        """
        self.misbehave(self.faults)
        self._listener = Listener(self, port)
        self.url = self._listener.url

    def close(self) -> None:
        """Close the port; whoever still holds a connection is not answered any more."""
        if self._listener is not None:
            self._listener.close()

    def environment(self) -> dict[str, str]:
        """Return the environment variables with which a client reaches this endpoint and nothing else."""
        return {
            **isolation.NOTHING,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_SESSION_TOKEN": "",
            "AWS_REGION": self.home,
            "AWS_DEFAULT_REGION": self.home,
            "SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT": self.url,
        }

    def region(self, name: str) -> Region:
        """Return the state of a region; an unknown one starts empty."""
        if name not in self.regions:
            facts = dict(self.facts.get(f"{self.account}/{name}", {}))
            partition, limits = facts.get("partition", "aws"), dict(self.limits)
            known = Region(self.account, name, partition, self.timing, facts, limits, clock=self.clock)
            self.regions[name] = replace(known, url=lambda: self.url)
        return self.regions[name]

    def misbehave(self, faults: Faults) -> None:
        """Set other faults from now on."""
        self.faults, self._dice = faults, Dice(faults)

    def mutations(self) -> list[Call]:
        return [call for call in self.calls if call.mutating]

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        service = scope["service"] if scope else "s3"
        if mlflow.is_of_mlflow(environ["PATH_INFO"]):
            service = "mlflow"  # whatever service it is signed for
        try:
            access.check(environ, service)
        except ServiceError as stranger:
            return wire.error(start_response, stranger, service)
        if environ["PATH_INFO"] == f"{access.OWN}calls":
            return wire.answer(start_response, 200, [asdict(call) for call in list(self.calls)])
        region = scope["region"] if scope else "us-east-1"
        try:
            body = wire.read_body(environ)
        except ServiceError as unreadable:
            return wire.error(start_response, unreadable, service)
        operation = wire.operation(environ, service, body)
        thrown = self._dice.throw(operation.encode(), environ["QUERY_STRING"].encode(), body)
        if self.faults.latency:
            threading.Event().wait(self.faults.latency)
        mutating, fault = _is_mutating(environ, service, operation), thrown.fault
        lag = thrown.lag if not mutating and service in _LAGGING and self.is_late(operation) else 0.0
        call = Call(service, operation, mutating, fault, lag)
        self.calls.append(call)
        self._observe(call, False)
        if fault == "throttle":
            number = 429 if service == "mlflow" else 400  # MLflow's clients evaluate the HTTP status only
            throttled = ServiceError("ThrottlingException", "Rate exceeded", number)
            return wire.error(start_response, throttled, service)
        if fault == "error":
            return wire.error(start_response, _FAILURE, service)
        if fault == "drop":
            list(self._serve(environ, lambda *_: None, call, region, body))
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)  # closing alone leaves the handler's duplicates
            raise ConnectionAbortedError("dropped on purpose")
        if fault == "html":
            return wire.page(start_response)
        if fault == "cut":
            said: list[Any] = []
            content = b"".join(self._serve(environ, lambda *given: said.extend(given), call, region, body))
            self._observe(call, True)
            return wire.half(start_response, said[0], said[1], content, thrown.is_announced)
        answer = self._serve(environ, start_response, call, region, body)
        self._observe(call, True)
        return answer

    def _observe(self, call: Call, done: bool) -> None:
        if self.observer is not None:
            self.observer(call, done)

    def _serve(
        self,
        environ: dict[str, Any],
        start_response: Callable[..., Any],
        call: Call,
        region: str,
        body: bytes,
    ) -> Iterable[bytes]:
        service, operation = call.service, call.operation
        try:
            with LOCK:
                here = self.region(region)
                if service == "sts" and operation == "GetCallerIdentity":
                    return wire.identity(start_response, here)
                if service == "iam" and operation == "SimulatePrincipalPolicy":
                    return permissions.simulate(start_response, body, here)
                if service == "mlflow":
                    given = {**_query(environ), **wire.parse(body)}
                    return mlflow.serve(environ, start_response, self.region, self.home, given)
                if (
                    service == "lambda"
                    and call.mutating
                    and (said := functions.invoke(here, environ["PATH_INFO"], body))
                ):
                    return wire.invoked(start_response, *said)
                if call.lag:
                    here = here.at(self.clock.now() - call.lag)
                answer = self._play(environ, service, operation, here, body)
            if answer is None:
                content = self._ask_moto(service, environ, start_response)
                if service == "lambda" and call.mutating:
                    with LOCK:
                        functions.note(here, lambda asked: self._ask_moto(service, asked, lambda *_: None), environ)
                return content
        except ServiceError as error:
            return wire.error(start_response, error, service)
        except NotImplementedError as error:
            return wire.error(start_response, ServiceError("UnknownOperationException", str(error)), service)
        except MALFORMED:
            LOG.debug("%s %s", service, operation, exc_info=True)
            return wire.error(start_response, _FAILURE, service)
        return wire.answer(start_response, 200, answer)

    def _play(self, environ: dict[str, Any], service: str, operation: str, here: Region, body: bytes) -> str | None:
        """Answer in JSON what the sandbox implements itself; None for what moto serves."""
        path = environ["PATH_INFO"]
        query = _query(environ)
        answer: dict[str, Any]
        if service == "sagemaker":
            handler, request = OPERATIONS.get(operation), wire.parse(body)
            if handler is None:
                raise ServiceError("UnknownOperationException", f"The sandbox has no operation {operation}.")
            requests.check(service, operation, request)
            answer = handler(here, request)
        elif service == "logs" and operation in logs.OPERATIONS:
            request = wire.parse(body)
            if not logs.is_of_sagemaker(request):
                return None
            requests.check(service, operation, request)
            answer = logs.OPERATIONS[operation](here, request)
        elif service == "lambda" and here.moment is not None:
            function = functions.read(here, path)
            return None if function is None else json.dumps(function)
        elif service == "s3":
            buckets.check_owner(environ)
            return None
        elif service == "ecr" and operation in ecr.OPERATIONS:
            answer = ecr.OPERATIONS[operation](here, wire.parse(body))
        elif service == "bedrock-agentcore":
            answer = hub.agent_runtimes(here, path, query)
        elif service == "bedrock" and path == "/foundation-models":
            answer = hub.foundation_models(here)
        elif service == "bedrock" and path.startswith("/foundation-models/"):
            answer = hub.foundation_model(here, path.removeprefix("/foundation-models/"))
        else:
            return None
        return json.dumps(answer)

    def _ask_moto(self, service: str, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        application = access.application(self._moto, service, environ["PATH_INFO"])
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = self.account
        with MOTO:
            answer = application(environ, start_response)
            content = list(answer)  # a streamed body could be read after the data are gone
            if hasattr(answer, "close"):
                answer.close()
            return content


def start(
    lock: Mapping[str, Any] | None = None,
    *,
    port: int = 0,
    faults: Faults | None = None,
    timing: Timing | None = None,
    limits: Mapping[str, int] | None = None,
    clock: Clock | None = None,
    existing: Iterable[str] | Mapping[str, Iterable[str]] = (),
) -> Sandbox:
    """Start a sandbox with the facts of a lock over those of the built-in account.

    `limits` are the most running jobs by category. `existing` names further existing resources, as a mapping by
    region if there are several: URIs, addresses of images, ARNs. Raises ValueError for a name that cannot be created.
    """
    contexts = seeding.contexts(lock)
    account = sorted(contexts)[0].partition("/")[0]
    sandbox = Sandbox(account, faults or Faults(), timing or Timing(), limits or {}, contexts, clock or Clock())
    sandbox._moto = seeding.moto_applications()
    names = {key.partition("/")[2] for key in contexts if key.startswith(f"{account}/")}
    sandbox.home = sorted(names)[0]
    by_region = existing if isinstance(existing, Mapping) else {sandbox.home: existing}
    for name in sorted({*names, *by_region}):
        seeding.seed(sandbox.region(name), by_region.get(name, ()))
    sandbox.listen(port)
    return sandbox


def _query(environ: dict[str, Any]) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(environ["QUERY_STRING"]).items()}


def _is_mutating(environ: dict[str, Any], service: str, operation: str) -> bool:
    if " " in operation:  # REST: S3, Lambda, AgentCore; listing runtimes is a POST
        if environ["REQUEST_METHOD"] in ("GET", "HEAD") or service == "bedrock-agentcore":
            return False
        return service != "mlflow" or not mlflow.reads(operation)
    return not READS.match(operation) and not operation.startswith("CreatePresigned")
