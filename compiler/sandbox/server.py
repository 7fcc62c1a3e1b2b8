"""The endpoint itself: one port for every service, on loopback only.

Requests for SageMaker, AgentCore and Bedrock are answered here, all others by moto. Every request is recorded,
so that a test can count what would have changed something.
"""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs

from compiler import api
from compiler.sandbox import account as seeding
from compiler.sandbox import hub, jobs, logs, mlflow, pipelines, registry, training, wire
from compiler.sandbox.faults import Dice, Faults
from compiler.sandbox.service import LOCK, OPERATIONS, READS, Region, ServiceError, Timing

_HANDLERS = (hub, jobs, pipelines, registry, training)  # importing them has registered their operations
_SCOPE = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/")
_MOTO_MUTATING_POSTS = re.compile(r"(Create|Put|Update|Delete|Add|Remove|Tag|Untag|Set|Attach|Detach|Start|Stop)")
_CHECKED = {"CreateArtifact", "CreateJob", "CreateModelPackageGroup", "CreatePipeline", "CreateTrainingJob"}
_CHECKED |= {"StartPipelineExecution"}
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True)
class Call:
    """One request as the endpoint saw it; `fault` names what was done to it on purpose."""

    service: str
    operation: str
    mutating: bool
    fault: str | None = None


@dataclass
class Sandbox:
    """A running sandbox; close it, or use it as a context manager."""

    account: str
    faults: Faults
    timing: Timing
    limits: Mapping[str, int]
    facts: Mapping[str, Mapping[str, Any]]
    calls: list[Call] = field(default_factory=list)
    regions: dict[str, Region] = field(default_factory=dict)
    url: str = ""
    observer: Callable[[Call, bool], None] | None = None
    """Told of each request before it is carried out, and, with True, once it is and before it is answered."""
    _server: Any = None
    _moto: Any = None

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: tuple[type[BaseException], BaseException, TracebackType]) -> None:
        self.close()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def environment(self) -> dict[str, str]:
        """What a client's environment needs to reach this endpoint and nothing else."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_SESSION_TOKEN": "",
            "AWS_EC2_METADATA_DISABLED": "true",
            "MLFLOW_TRACKING_URI": self.url,
            "AWS_REGION": sorted(self.regions)[0],
            "AWS_DEFAULT_REGION": sorted(self.regions)[0],
        }

    def region(self, name: str) -> Region:
        """The state of one region; an unknown one starts empty."""
        if name not in self.regions:
            facts = dict(self.facts.get(f"{self.account}/{name}", {}))
            self.regions[name] = Region(
                self.account, name, facts.get("partition", "aws"), self.timing, facts, dict(self.limits)
            )
        return self.regions[name]

    def mutations(self) -> list[Call]:
        return [call for call in self.calls if call.mutating]

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/_sagespec/calls":
            return wire.answer(start_response, 200, [asdict(call) for call in list(self.calls)])
        scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        service = scope["service"] if scope else "s3"
        region = scope["region"] if scope else "us-east-1"
        body = wire.read_body(environ)
        operation = wire.operation(environ, service, body)
        fault = self._dice.throw()
        if self.faults.latency:
            threading.Event().wait(self.faults.latency)
        call = Call(service, operation, _is_mutating(environ, service, operation), fault)
        self.calls.append(call)
        self._observe(call, False)
        if fault == "throttle":
            error = ServiceError("ThrottlingException", "Rate exceeded")
            return wire.error(start_response, error, service)
        if fault == "error":
            return wire.error(start_response, ServiceError("InternalFailure", "We are sorry.", 500), service)
        if fault == "drop":
            list(self._serve(environ, lambda *_: None, service, operation, region, body))
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)  # closing alone leaves the handler's copies open
            raise ConnectionAbortedError("dropped on purpose")
        answer = self._serve(environ, start_response, service, operation, region, body)
        self._observe(call, True)
        return answer

    def _observe(self, call: Call, done: bool) -> None:
        if self.observer is not None:
            self.observer(call, done)

    def _serve(
        self,
        environ: dict[str, Any],
        start_response: Callable[..., Any],
        service: str,
        operation: str,
        region: str,
        body: bytes,
    ) -> Iterable[bytes]:
        try:
            if service == "sagemaker" and operation in OPERATIONS:
                request = wire.parse(body)
                with LOCK:
                    _validate(operation, request)
                    answer = OPERATIONS[operation](self.region(region), request)
                    text = json.dumps(answer)
                return wire.answer(start_response, 200, text)
            if service == "sts" and operation == "GetCallerIdentity":
                return wire.identity(start_response, self.region(region))
            query = {k: v[-1] for k, v in parse_qs(environ["QUERY_STRING"]).items()}
            if service == "logs" and operation == "FilterLogEvents":
                request = wire.parse(body)
                if str(request.get("logGroupName")).startswith(logs.PREFIX):
                    with LOCK:
                        return wire.answer(start_response, 200, logs.filter_log_events(self.region(region), request))
            if environ["PATH_INFO"].startswith(mlflow.PREFIX):
                given = {**query, **wire.parse(body)}
                with LOCK:  # MLflow's clients name no region
                    found = mlflow.answer(self.region(sorted(self.regions)[0]), environ["PATH_INFO"], given)
                return wire.answer(start_response, 200, found)
            if service == "bedrock-agentcore":
                with LOCK:
                    return wire.answer(
                        start_response,
                        200,
                        hub.agent_runtimes(self.region(region), environ["PATH_INFO"], query),
                    )
            if service == "bedrock" and environ["PATH_INFO"] == "/foundation-models":
                with LOCK:
                    return wire.answer(start_response, 200, hub.foundation_models(self.region(region)))
        except ServiceError as error:
            return wire.error(start_response, error, service)
        answer_: Iterable[bytes] = self._moto(environ, start_response)
        return answer_

    def listen(self, port: int) -> None:
        """Open the port and serve from a thread."""
        from werkzeug.serving import WSGIRequestHandler, make_server

        class Quiet(WSGIRequestHandler):
            protocol_version = "HTTP/1.1"

            def log(self, type: str, message: str, *args: Any) -> None:
                """Say nothing: what was asked is in `calls`."""

        self._dice = Dice(self.faults)
        self._server = make_server("127.0.0.1", port, self, threaded=True, request_handler=Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()


def start(
    lock: Mapping[str, Any] | None = None,
    *,
    port: int = 0,
    faults: Faults | None = None,
    timing: Timing | None = None,
    limits: Mapping[str, int] | None = None,
    buckets: Iterable[str] = (),
) -> Sandbox:
    """Start a sandbox, seeded from a lock over the built-in account.

    `limits` are the jobs that may run at once by category; `buckets` exist besides the account's default ones.
    """
    contexts = seeding.contexts(lock)
    account = sorted(contexts)[0].partition("/")[0]
    sandbox = Sandbox(account, faults or Faults(), timing or Timing(), limits or {}, contexts)
    sandbox._moto = seeding.moto_application(account)
    names = {key.partition("/")[2] for key in contexts if key.startswith(f"{account}/")}
    for name in sorted(names):
        seeding.seed(sandbox.region(name), buckets)
    sandbox.listen(port)
    return sandbox


def _is_mutating(environ: dict[str, Any], service: str, operation: str) -> bool:
    if " " in operation:  # REST: S3, Lambda, AgentCore; listing runtimes is a POST
        reads = service == "bedrock-agentcore" or environ["PATH_INFO"].startswith(mlflow.PREFIX)
        return environ["REQUEST_METHOD"] not in ("GET", "HEAD") and not reads
    return not READS.match(operation) and not operation.startswith("CreatePresigned")


def _validate(operation: str, request: dict[str, Any]) -> None:
    """Refuse parameters as the service does; what is only a warning to us is an error to it."""
    if operation not in _CHECKED:
        return
    for problem in api.check("sagemaker", operation, request):
        where = ".".join(str(step) for step in problem.path)
        message = f"1 validation error detected: Value at '{where}' failed to satisfy constraint: {problem.message}"
        raise ServiceError("ValidationException", message)
