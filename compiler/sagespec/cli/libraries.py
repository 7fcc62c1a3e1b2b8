"""What libraries log, printed as everything else; each would write to stderr by itself."""

from __future__ import annotations

import logging

from sagespec.cli import output


class _Printed(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info is None:  # what is raised as well is told as an error
            output.tell(f"{record.levelname.lower()}: {record.name}: {record.getMessage()}")


_HANDLER = _Printed(logging.WARNING)


def listen() -> None:
    """Print warnings and errors of every library."""
    logging.getLogger().addHandler(_HANDLER)  # twice is once
