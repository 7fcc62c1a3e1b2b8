"""MLflow as a SageMaker app or tracking server, for clients of its REST API."""

from __future__ import annotations

from sagespec.sandbox.mlflow.pages import API, PAGES, is_of_mlflow, serve
from sagespec.sandbox.mlflow.server import reads

__all__ = ["API", "PAGES", "is_of_mlflow", "reads", "serve"]
