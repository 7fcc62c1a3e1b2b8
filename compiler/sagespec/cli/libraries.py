"""Print what libraries log in the form of our own messages; by default each writes to stderr itself."""

from __future__ import annotations

import logging

from sagespec.cli import output


class _Printed(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info is None:  # an exception is reported as an error by its handler
            output.tell(f"{record.levelname.lower()}: {record.name}: {record.getMessage()}")


_HANDLER = _Printed(logging.WARNING)


def listen() -> None:
    """Print warnings and errors of all libraries."""
    logging.getLogger().addHandler(_HANDLER)  # adding the same handler again has no effect
