"""What a text with `${name}` means in each environment of a project.

In: the project file as far as it can be read, and the spec that a text is from. Out: the texts that it becomes. Texts
with values of the command line have no meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagespec.diagnostics import Problems
from sagespec.project import values
from sagespec.reading import source

Known = tuple[Mapping[str, Any], Mapping[str, Any]]
"""The values of an environment, and those that use the name or the run of a spec."""


class Meanings:
    """The environments of a project; `project` is the data of its file."""

    def __init__(self, project: Any) -> None:
        self._known: dict[str | None, Known] = {None: values.expand({}, {}, Problems())}
        environments = source.get(project, ("environments",))
        for name, environment in environments.items() if isinstance(environments, dict) else ():
            given = source.get(environment, ("values",))
            declared = given if isinstance(given, dict) else {}
            self._known[name] = values.expand(declared, {"env": name}, Problems())

    def of(self, text: str, metadata: Any, environment: str | None = None) -> frozenset[str]:
        """Return what a text means: in all environments, or in one; `metadata` is that of its spec."""
        if "${" not in text:
            return frozenset({text})
        chosen = [environment] if environment in self._known and environment else [*self._known]
        found = (self._in(self._known[one], text, metadata) for one in chosen)
        return frozenset(one for one in found if one is not None)

    def _in(self, environment: Known, text: str, metadata: Any) -> str | None:
        filled, pending = environment
        problems = Problems()
        known = values.of_spec(filled, pending, metadata, Problems())[0] if metadata else filled
        meant = values.substitute(text, known, problems)
        return meant if isinstance(meant, str) and not problems else None
