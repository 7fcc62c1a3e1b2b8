"""Check hyperparameters against a recipe's override spec.

In: the mapping that a spec gives, and the recipe's entries (`type`, `default`, `min`, `max`, `enum`). Out: the text
to send for each. Refuses names that the recipe does not have, values outside type, range or enum, characters that the
service refuses, and prompt and response together longer than the recipe's sequence. Warns of entries that the service
sets itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sagespec.diagnostics import Problems, did_you_mean
from sagespec.documents.traced import Traced

Recipe = Mapping[str, Any]

SERVICE_MANAGED = frozenset(
    {
        "base_model_name",
        "data_path",
        "mlflow_tracking_uri",
        "model_name",
        "model_name_or_path",
        "name",
        "output_path",
    }
)
"""Entries of override specs that the service sets itself."""

_OF_THE_SERVICE = "system"
"""The category of more such entries, in recipes that have categories."""
_SENDABLE = re.compile(r"[a-zA-Z0-9/_.:,\-\s'\"\[\]]*")
_TYPES: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "integer": (int,),
    "float": (int, float),
    "string": (str,),
    "array": (list,),
}
_TYPE_NAMES = {
    "array": "a list",
    "boolean": "true or false",
    "float": "a number",
    "integer": "a whole number",
    "string": "text",
}


def text(value: Any) -> str:
    """Return the text that is sent for a value: text unchanged, lists as JSON, others as Python prints them."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)


def changed(given: Traced, recipe: Recipe | None, problems: Problems) -> dict[str, Traced]:
    """Return the values that differ from the recipe's defaults, as text; a trainer sends these."""
    checked = _check(given, recipe, problems)
    specs = entries(recipe)
    return {
        name: value
        for name, value in checked.items()
        if recipe is None or value.value != text(specs.get(name, {}).get("default"))
    }


def complete(given: Traced, recipe: Recipe | None, problems: Problems) -> dict[str, Traced]:
    """Return all entries of the recipe that have a value, given or default, as text; an evaluator sends these.

    An entry whose given value is refused is left out, so that its default causes no further problems.
    """
    checked = _check(given, recipe, problems)
    defaults = {
        name: given.to(text(spec["default"]))
        for name, spec in entries(recipe).items()
        if spec.get("default") is not None and name not in SERVICE_MANAGED and not given[name].given
    }
    return {**defaults, **checked}


def trained(
    given: Traced,
    recipe: Recipe,
    problems: Problems,
    filled_in: Collection[str],
    settled: Mapping[str, Traced],
) -> dict[str, Traced]:
    """Return all entries of the recipe that have a value, given or default, as text; a fine-tuning sends these.

    `filled_in` are the entries that the trainer sets itself. `settled` are the entries that fields of the spec
    decide, with their values: None where none is sent. Neither may be given.
    """
    specs = {name: spec for name, spec in entries(recipe).items() if name not in filled_in}
    reserved = {name: given[name] for name in (*filled_in, *settled) if given[name].given}
    for name, value in reserved.items():
        by = settled[name].path[1] if name in settled else "the trainer"
        problems.error("reserved-name", f"{by} sets {name!r} itself", value.path, on_key=True)
    rest = given.to({name: value for name, value in (given.value or {}).items() if name not in reserved})
    checked = _check(rest, {**recipe, "hyperparameters": specs}, problems)
    chosen = {**{name: given.to(spec.get("default")) for name, spec in specs.items()}, **settled}
    defaults = {name: value.to(text(value.value)) for name, value in chosen.items() if value.given}
    return {**{name: value for name, value in defaults.items() if not rest[name].given}, **checked}


def entries(recipe: Recipe | None) -> Mapping[str, Any]:
    """Return the override spec of a recipe, by name."""
    specs: Mapping[str, Any] = (recipe or {}).get("hyperparameters", {})
    return specs


def is_of_the_service(name: str, about: Mapping[str, Any]) -> bool:
    """Return whether the service sets an entry of an override spec itself."""
    return name in SERVICE_MANAGED or about.get("category") == _OF_THE_SERVICE


def _check(given: Traced, recipe: Recipe | None, problems: Problems) -> dict[str, Traced]:
    specs = entries(recipe)
    sent: dict[str, Traced] = {}
    for name, value in given.entries():
        if recipe is not None and name not in specs:
            message = f"the recipe has no {name!r}" if specs else f"there is no recipe that takes {name!r}"
            hint = did_you_mean(name, list(specs))
            problems.error("unknown-hyperparameter", message, value.path, hint, on_key=True)
            continue
        if name in specs and is_of_the_service(name, specs[name]):
            message = f"the service fills in {name!r} itself: it may refuse what is given"
            problems.warn("service-managed", message, value.path, on_key=True)
        if _fits(name, value, specs.get(name, {}), problems):
            sent[name] = value.to(text(value.value))
    if recipe is not None:  # of a value that is refused already nothing more is said
        fitting = given.to({name: given.value[name] for name in sent})
        _check_sequence(fitting, recipe, problems)
        _check_saving(fitting, recipe, problems)
    return sent


def _fits(name: str, value: Traced, spec: Mapping[str, Any], problems: Problems) -> bool:
    before = len(problems)
    plain = value.value
    wanted = _TYPES.get(spec.get("type", ""))
    if (isinstance(plain, bool) and wanted != (bool,)) or (wanted and not isinstance(plain, wanted)):
        expected = _TYPE_NAMES.get(spec.get("type", ""), "a number, text or a list")
        problems.error("wrong-type", f"{name!r} is {expected}, found {json.dumps(plain)}", value.path)
        return False
    if spec.get("enum") and plain not in spec["enum"]:
        allowed = [text(v) for v in spec["enum"]]
        problems.error("bad-value", f"{name!r} cannot be {plain!r}", value.path, did_you_mean(text(plain), allowed))
    elif isinstance(plain, int | float):
        low, high = spec.get("min"), spec.get("max")
        if (low is not None and plain < low) or (high is not None and plain > high):
            limits = f"between {low} and {high}" if None not in (low, high) else f"at least {low}"
            limits = f"at most {high}" if low is None else limits
            problems.error("out-of-range", f"{name!r} must be {limits}, found {plain}", value.path)
    if name == "pass_k_values" and isinstance(plain, list):
        _check_pass_k(value, problems)
    if not _SENDABLE.fullmatch(text(plain)):
        allowed_text = "letters, digits, spaces and /_.:,-'\"[]"
        problems.error("bad-value", f"{name!r} may hold only {allowed_text}", value.path)
    return len(problems) == before


def _check_pass_k(values: Traced, problems: Problems) -> None:
    """Check that each k of pass@k is an integer of at least 1."""
    for value in values:
        if type(value.value) is not int:
            problems.error("wrong-type", f"pass@k needs a whole number, found {json.dumps(value.value)}", value.path)
        elif value.value < 1:
            problems.error("out-of-range", f"pass@k needs a k of at least 1, found {value.value}", value.path)


_LENGTHS = (
    (("max_prompt_length", "max_response_length"), "prompt and response together are"),
    (("dataset_max_len",), "dataset_max_len is"),
)
"""Entries that must fit into the recipe's sequence, alone or together."""


def _check_sequence(given: Traced, recipe: Recipe, problems: Problems) -> None:
    limit = str(recipe.get("sequence_length", ""))
    if not limit.endswith("K"):
        return
    for names, what in _LENGTHS:
        values = _whole_numbers(names, given, recipe)
        if sum(values) > int(limit[:-1]) * 1024:
            where = next(given[n] for n in reversed(names) if given[n].given)
            message = f"{what} {sum(values)} tokens, the recipe's sequence is {limit}"
            problems.error("sequence-too-long", message, where.path)


def _check_saving(given: Traced, recipe: Recipe, problems: Problems) -> None:
    names = ("save_steps", "max_steps")
    values = _whole_numbers(names, given, recipe)
    if values and values[0] > values[1]:
        where = next(given[n] for n in names if given[n].given)
        message = f"save_steps is {values[0]}, more than max_steps, which is {values[1]}: nothing would be saved"
        problems.error("save-steps", message, where.path)


def _whole_numbers(names: Sequence[str], given: Traced, recipe: Recipe) -> list[int]:
    """Return the values of some entries, given or default; [] where none is given, or one is not an integer."""
    if not any(given[name].given for name in names):
        return []
    specs = entries(recipe)
    numbers = [given[n].value if given[n].given else specs.get(n, {}).get("default") for n in names]
    return numbers if all(isinstance(value, int) for value in numbers) else []


def warn_unchecked(model: str, given: Traced, problems: Problems) -> None:
    """Warn that hyperparameters were not checked, because the recipe is unknown."""
    message = f"the lock has no recipe of {model} for this: hyperparameters were not checked"
    problems.warn("unchecked-hyperparameters", message, given.path, "run `sagespec lock`")
