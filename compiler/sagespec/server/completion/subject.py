"""The document that is being typed, as far as it can be understood: spec, facts, model, recipe.

In: the last valid examination of a project, and the data of a document without the word that is typed. Out: what it
refers to; None for what cannot be found. Refuses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from sagespec import disk
from sagespec.checking import schema
from sagespec.compiling import location
from sagespec.compiling.workspace import Checked
from sagespec.diagnostics import Problems
from sagespec.project import spec as specs
from sagespec.project.facts import Context
from sagespec.project.settings import Settings
from sagespec.project.spec import Spec
from sagespec.reading import source
from sagespec.reading.source import Source
from sagespec.sagemaker import catalog, model, recipes, techniques
from sagespec.sagemaker.model import Model
from sagespec.sagemaker.recipes import Recipe
from sagespec.sagemaker.techniques import DEFAULT_TYPE
from sagespec.server.examination import Examination

Entries = Mapping[str, Any]


@dataclass(frozen=True)
class Subject:
    """A document in its project; `document` is its kind, or `Project`."""

    known: Examination = field(repr=False)
    file: str
    document: str
    source: Source = field(repr=False)

    @property
    def data(self) -> Any:
        return self.source.data

    @property
    def checked(self) -> Checked | None:
        return self.known.checked

    @property
    def settings(self) -> Settings | None:
        return self.checked.settings if self.checked else None

    @property
    def folder(self) -> Path:
        """The folder that the paths in the document are relative to."""
        return (self.known.root / self.file).parent

    def get(self, *path: str | int) -> Any:
        return source.get(self.data, path)

    @cached_property
    def spec(self) -> Spec | None:
        """The document as a spec, values and defaults filled in, whatever is wrong or missing."""
        if self.settings is None or self.document not in schema.kinds():
            return None
        given, fields = self.get("metadata"), self.get("spec")
        metadata = given if isinstance(given, dict) else {}
        named = {**metadata, "name": metadata.get("name") or "name"}
        data = {**self.data, "metadata": named, "spec": fields if isinstance(fields, dict) else {}}
        with disk.through(self.known.buffers):
            return specs.read(replace(self.source, data=data, written=data), self.settings)[0]

    @cached_property
    def context(self) -> Context | None:
        """The facts of the account and region of the document; of a project file, those of its defaults."""
        return location.known(self.spec, self.settings, self.known.lock) if self.settings else None

    def section(self, name: str) -> Mapping[str, Any]:
        """Return a section of the lock; empty where it has none."""
        return (self.context.facts.get(name) or {}) if self.context else {}

    @cached_property
    def model(self) -> Model | None:
        """The model of the spec."""
        return self.model_of(self.spec.fields.model.value) if self.spec else None

    def model_of(self, given: Any) -> Model | None:
        """Look a model up as `model` names it."""
        if self.spec is None or self.context is None or self.checked is None or not given:
            return None
        target = given.get("ref") if isinstance(given, dict) else None
        there = self.checked.resolved.get(target) if isinstance(target, str) else None
        if isinstance(given, dict) and there is None and not isinstance(given.get("job"), str):
            return None
        if not isinstance(given, dict | str):
            return None
        traced = self.spec.fields.to(given)
        return model.find(traced, self.context, Problems(), there.exports.model if there else None)

    @cached_property
    def entries(self) -> Entries:
        """The hyperparameters that the recipe of model and technique takes, by name; empty where it is unknown."""
        chosen = self.recipe_of(self.model) if self.model else None
        fields = self.get("spec")
        given = {name for name, value in fields.items() if value is not None} if isinstance(fields, dict) else ()
        return catalog.settable(*chosen, given) if chosen else {}

    @cached_property
    def benchmark(self) -> Mapping[str, Any]:
        """What is known of the benchmark of the spec; empty where it has none."""
        name = self.spec.fields.benchmark.value if self.spec else None
        return next((row for row in catalog.benchmarks() if row["name"] == name), {}) if name else {}

    def recipe_of(self, found: Model) -> tuple[Recipe, Entries] | None:
        """Return the recipe that this spec takes, and that of a model for it; None where the model has none."""
        modality = self.benchmark.get("modality", "")
        fitting = recipes.of_model(self.document, is_nova=found.is_nova)
        chosen = next((one for one in fitting if not one.modality or modality in ("", one.modality)), None)
        if chosen is None:
            return None
        if techniques.of_recipe(chosen.key) is None:
            known = found.recipe(chosen.key)
        else:
            of_all, key = found.recipes or {}, f"{chosen.key}/{self.get('spec', 'training_type') or DEFAULT_TYPE}"
            known = of_all.get(f"{key}/{self.get('spec', 'sequence_length')}") or of_all.get(key)
        return None if known is None else (chosen, known)
