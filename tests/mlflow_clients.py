"""MLflow's clients, started at once: `metrics.CLIENT` is the program that a command starts for each question.

A test of the client's start itself, or of its end, does without.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sagespec.executor import metrics

from tests import ready_programs

CLIENT = metrics.CLIENT
HIDDEN = ("pandas", "pyarrow", "scipy")
"""Libraries that the extra does not install: MLflow as a whole is here for its server alone, and imports them."""
IMPORTED = ("boto3", "mlflow.store.tracking.rest_store", "sagemaker_mlflow.mlflow_sagemaker_store")


@contextmanager
def ready() -> Iterator[Path]:
    """Start a process that has imported MLflow; the program that takes the place of the client."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(hide(Path(folder))), *(path for path in sys.path if path)]
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(paths),
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        with ready_programs.ready(__name__, environment) as program:
            yield program


def hide(folder: Path) -> Path:
    """Write a folder that, first on the path, hides what the extra does not install."""
    hidden = folder / "hidden"
    hidden.mkdir()
    for name in HIDDEN:
        (hidden / f"{name}.py").write_text(f"raise ModuleNotFoundError('No module named {name}', name={name!r})\n")
    return hidden


if __name__ == "__main__":
    for module in IMPORTED:
        importlib.import_module(module)
    ready_programs.serve(sys.argv[1], lambda _: runpy.run_path(str(CLIENT), run_name="__main__"))
