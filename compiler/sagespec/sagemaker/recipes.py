"""The recipes in the lock that contain the hyperparameters of a kind, from `x-recipes` of its schema.

In: a kind. Out: the keys of its recipes, and which of them a model has. A key is that of the recipe in the lock, or
its first parts.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from sagespec.checking import schema


class Recipe(NamedTuple):
    """A recipe of a kind: for Nova models, for others, or for all (None); for one modality, or for all ('').

    With `is_inference` only entries that are inference parameters may be given, else all.
    """

    key: str
    is_nova: bool | None = None
    modality: str = ""
    is_inference: bool = False


@cache
def of_kind(kind: str) -> tuple[Recipe, ...]:
    """Return the recipes of a kind; none where its hyperparameters are not from a recipe."""
    return tuple(
        Recipe(
            key=given["key"],
            is_nova=given.get("nova"),
            modality=given.get("modality", ""),
            is_inference=given.get("entries") == "inference",
        )
        for given in schema.load(kind).get("x-recipes", ())
    )


def of_model(kind: str, *, is_nova: bool) -> list[Recipe]:
    """Return the recipes of a kind for Nova models, or for others."""
    return [recipe for recipe in of_kind(kind) if recipe.is_nova in (None, is_nova)]


def choose(kind: str, *, is_nova: bool, modality: str = "") -> str:
    """Return the key of the one recipe that a kind has for a model and a modality.

    Raises ValueError where the schema of the kind has none or several.
    """
    (chosen,) = (recipe for recipe in of_model(kind, is_nova=is_nova) if recipe.modality in ("", modality))
    return chosen.key


@cache
def kinds() -> tuple[str, ...]:
    """Return the kinds whose hyperparameters are from a recipe."""
    return tuple(kind for kind in schema.kinds() if of_kind(kind))


def is_used(key: str) -> bool:
    """Return whether a kind uses the recipe of a key of the hub."""
    used = (recipe.key for kind in kinds() for recipe in of_kind(kind))
    return any(key == name or key.startswith(f"{name}/") for name in used)
