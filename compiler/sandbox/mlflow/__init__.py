"""MLflow as a SageMaker app or tracking server, for the clients of its REST API."""

from __future__ import annotations

from compiler.sandbox.mlflow.pages import API, PAGES, is_of_mlflow, serve
from compiler.sandbox.mlflow.server import reads

__all__ = ["API", "PAGES", "is_of_mlflow", "reads", "serve"]
