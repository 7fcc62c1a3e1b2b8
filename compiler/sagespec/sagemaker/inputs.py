"""A spec with all inputs that its requests need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from sagespec.diagnostics import KeyPath, Problems
from sagespec.documents.traced import Traced
from sagespec.project.facts import Context, ask, is_older
from sagespec.project.settings import Project
from sagespec.project.spec import Spec
from sagespec.sagemaker.exports import Exports


@dataclass(frozen=True)
class Inputs:
    """The inputs of a kind's module.

    `upstream` maps the key paths below `spec` of fields that are refs to the exports of the specs they refer to.
    Files that a spec names are relative to `folder`, files in a compiled file to the project's root.
    """

    spec: Spec
    context: Context
    qualified_name: str
    project: Project = field(repr=False)
    folder: Path = field(repr=False)
    upstream: Mapping[KeyPath, Exports] = field(default_factory=dict, repr=False)

    @property
    def fields(self) -> Traced:
        return self.spec.fields

    def exported(self, given: Traced) -> Exports | None:
        """Return the exports of the spec that a field refers to; None for a field that is no ref."""
        return self.upstream.get(given.path[1:])

    def role(self, problems: Problems) -> Traced | None:
        """Return the ARN of the role, given or default; None with a problem where it is missing."""
        given = self.fields.role
        role_arn = ask(problems, given.path, lambda: self.context.role(given.value))
        return None if role_arn is None else given.to(role_arn)

    def mlflow(self, given: Traced, problems: Problems, least: str = "") -> Traced | None:
        """Return the ARN of the MLflow app or server, given or default; a default needs version `least` or later."""
        if given:
            return given
        app = ask(problems, given.path, self.context.mlflow_app)
        version = ask(problems, given.path, self.context.mlflow_version, needed=False) if least else None
        if app is None:
            return None
        if version and is_older(version, least):
            message = f"the default MLflow app {app} has version {version}, this needs {least}"
            problems.error("mlflow-version", message, given.path, "give the ARN of a newer one, or upgrade this one")
            return None
        return given.to(app)

    def local_path(self, given: Traced, problems: Problems) -> Path | None:
        """Return the real path of the file or folder that a field names, relative to the spec.

        Refuses absolute paths, and paths that lead out of the project, with a problem and None.
        """
        return self.project.boundary.find(self.folder, given.value, given.path, problems)

    def tags(self, *conventional: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the tags of a job or pipeline: those of the SDK's conventions, and the spec's."""
        own = [{"Key": v.to(key), "Value": v} for key, v in self.spec.tags().items()]
        return [*conventional, *own]


def tag(key: str, value: Any) -> dict[str, Any]:
    """Return a tag in the API's form."""
    return {"Key": key, "Value": value}


class Resolved(NamedTuple):
    """A spec, its inputs and the kind's facts; nothing more has to be looked up.

    `facts` are private to the kind; other specs see only `exports`.
    """

    inputs: Inputs
    facts: object
    exports: Exports
    dependencies: tuple[Resolved, ...] = ()

    @property
    def spec(self) -> Spec:
        return self.inputs.spec
