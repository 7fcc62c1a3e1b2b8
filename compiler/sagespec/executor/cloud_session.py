"""The session of botocore by which `cloud` calls AWS: it refuses malformed answers, and such as do not end.

In: nothing. Out: a session, whose clients check every answer against the API's model before anything reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sagespec.executor import answers, wire
from sagespec.executor.answers import InvalidAnswer


def strict() -> Any:
    """Return a botocore session that rejects malformed answers."""
    from botocore.parsers import ResponseParserError, ResponseParserFactory
    from botocore.session import Session

    malformed = (*answers.MALFORMED, ResponseParserError)

    @dataclass(frozen=True)
    class Parser:
        protocol: str
        lenient: Any

        def parse(self, response: dict[str, Any], shape: Any) -> Any:
            try:
                return self._parse(response, shape)
            except InvalidAnswer:
                if hasattr(response["body"], "close"):  # close a stream that will not be read
                    response["body"].close()
                raise

        def _parse(self, response: dict[str, Any], shape: Any) -> Any:
            operation = response["context"]["operation_name"]
            answers.check_http(operation, self.protocol, shape, response)
            try:
                answer = self.lenient.parse(response, shape)
            except malformed as error:
                raise InvalidAnswer(f"cannot be read: {error}", response["status_code"]) from None
            if response["status_code"] < answers.ERROR:
                answers.check_members(operation, shape, answer)
            return answer

    class Parsers(ResponseParserFactory):  # type: ignore[misc]  # botocore has no types
        def create_parser(self, protocol_name: str) -> Parser:
            return Parser(protocol_name, super().create_parser(protocol_name))

    class Client:
        """The base class of all clients of the session, also of those that fetch credentials."""

        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            pools = self._endpoint.http_session._pool_classes_by_scheme  # type: ignore[attr-defined]  # of botocore's
            pools |= wire.limited(pools)
            _list_errors(self.meta.service_model)  # type: ignore[attr-defined]  # of botocore's

    made = Session()
    made.register_component("response_parser_factory", Parsers())
    made.register("creating-client-class", lambda base_classes, **_: base_classes.insert(0, Client))
    return made


def _list_errors(model: Any) -> None:
    """List the errors of a service; botocore, for the first of them, would build all shapes that the service has."""
    if "error_shapes" not in vars(model):
        shapes = model._service_description.get("shapes", {})
        model.error_shapes = [model.shape_for(name) for name, shape in shapes.items() if shape.get("exception")]
