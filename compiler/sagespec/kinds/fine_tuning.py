"""Fine-tuning trainers: one serverless CreateTrainingJob by the technique that the kind is named after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sagespec import assets
from sagespec.diagnostics import Problems
from sagespec.documents import names
from sagespec.documents.compiled import Request
from sagespec.documents.render import render
from sagespec.documents.traced import Traced
from sagespec.project.facts import ask
from sagespec.project.tags import HUB_NAME, MODEL_ID
from sagespec.sagemaker import default_bucket, hyperparameters, model, recipes
from sagespec.sagemaker.exports import Exports
from sagespec.sagemaker.hyperparameters import Recipe
from sagespec.sagemaker.inputs import Inputs, tag
from sagespec.sagemaker.model import Model
from sagespec.sagemaker.techniques import DEFAULT_TYPE, TECHNIQUES, Decided


@dataclass(frozen=True)
class Facts:
    """The facts of a fine-tuning."""

    model: Model
    role: Traced
    mlflow_resource: Traced
    group: Traced
    decided: Decided
    hyperparameters: dict[str, Traced] = field(default_factory=dict)


def resolve(inputs: Inputs, problems: Problems) -> Facts | None:
    fields, technique = inputs.fields, TECHNIQUES[_technique(inputs)]
    upstream = inputs.exported(fields.model)
    base = model.find(fields.model, inputs.context, problems, upstream.model if upstream else None)
    role = inputs.role(problems)
    mlflow = inputs.mlflow(fields.mlflow_resource_arn, problems)
    given = fields.model_package_group
    chosen = ask(problems, given.path, lambda: inputs.context.model_package_group(given.value)) if given else None
    if base is None:
        return None
    if base.recipes is not None:  # else the lock does not know the model, and the missing recipe says so
        model.check_eula(base, fields, problems, needs_flag=True)
    _warn_of_region(inputs, base, problems)
    _warn_of_no_effect(fields, problems)
    group = given.to(chosen) if chosen else _own_group(inputs, base, problems)
    recipe = _recipe(inputs, base, problems)
    if recipe is None:
        return None
    decided = technique.decide(inputs, base, recipe, problems)
    values = hyperparameters.trained(
        fields.hyperparameters, recipe, problems, technique.filled_in, decided.hyperparameters
    )
    if role is None or mlflow is None or group is None:
        return None
    return Facts(base, role, mlflow, group, decided, values)


def _technique(inputs: Inputs) -> str:
    return inputs.spec.kind.removesuffix("Trainer")


def _own_group(inputs: Inputs, base: Model, problems: Problems) -> Traced | None:
    """Return the group of the package that training starts from; a problem where there is none and none is given."""
    if base.group is None and not inputs.fields.model_package_group.given:
        message = "'model_package_group' is required where training starts from a base model"
        problems.error("missing-field", message, ("spec",), "give the name or ARN of a model package group")
    return base.group


def _recipe(inputs: Inputs, base: Model, problems: Problems) -> Recipe | None:
    """Return the recipe of the technique, type and length; None with a problem where the model has none."""
    fields, known, technique = inputs.fields, base.recipes, _technique(inputs)
    name = recipes.choose(inputs.spec.kind, is_nova=base.is_nova)
    if known is None:
        message = f"the lock has no recipe of {base.name}, whose entries are all sent"
        problems.error("missing-fact", message, fields.model.path, "run `sagespec lock` to look it up")
        return None
    length, key = fields.sequence_length, f"{name}/{fields.training_type.value or DEFAULT_TYPE}"
    plain: Recipe | None = known.get(key)
    chosen: Recipe | None = known.get(f"{key}/{length.value}") if length.given else plain
    if chosen is None and plain is not None and plain.get("sequence_length") == length.value:
        chosen = plain
    if chosen is not None:
        return chosen
    offered = _offered(known, name)
    if not offered:
        hint = f"see `sagespec catalog models --technique {technique}`"
        problems.error("no-recipe", f"{base.name} cannot be trained with {technique}", fields.model.path, hint)
        return None
    wrong = length if length.given and plain is not None else fields.training_type
    what = f"of {length.value}" if wrong is length else f"with {fields.training_type.value or DEFAULT_TYPE}"
    hint = f"it has {'; '.join(f'{type_} {lengths}'.rstrip() for type_, lengths in offered.items())}"
    place = wrong.path if wrong.given else fields.model.path
    problems.error("no-recipe", f"{base.name} has no {technique} recipe {what}", place, hint)
    return None


def _offered(known: Mapping[str, Any], name: str) -> dict[str, str]:
    """Return the training types that a model has recipes for, with their lengths."""
    lengths_of: dict[str, set[str]] = {}
    for key, recipe in known.items():
        start, _, rest = key.partition(f"{name}/")
        type_, _, length = rest.partition("/")
        if type_ and not start:
            lengths_of.setdefault(type_, set()).update(filter(None, [recipe.get("sequence_length"), length]))
    by_size = {
        type_: sorted(lengths, key=lambda length: (len(length), length)) for type_, lengths in lengths_of.items()
    }
    return {type_: f"of {' or '.join(by_size[type_])}" if by_size[type_] else "" for type_ in sorted(by_size)}


@cache
def _regions() -> dict[str, list[str]]:
    regions: dict[str, list[str]] = assets.document(assets.data() / "fine_tuning.json")["regions"]
    return regions


def _warn_of_region(inputs: Inputs, base: Model, problems: Problems) -> None:
    known, region = _regions()["nova" if base.is_nova else "others"], inputs.context.region
    if region not in known:
        what = "Nova models are" if base.is_nova else "models are"
        message = f"{what} not known to be trained serverless in {region}"
        place = inputs.fields.region if inputs.fields.region.given else inputs.fields.model
        problems.warn("unlisted-region", message, place.path, f"known are {', '.join(known)}")


def _warn_of_no_effect(fields: Traced, problems: Problems) -> None:
    if fields.is_multimodal and not fields.data_mixing_config.given:
        message = "is_multimodal only chooses the data that data_mixing_config adds"
        problems.warn("no-effect", message, fields.is_multimodal.path, on_key=True)


def requests(inputs: Inputs, facts: Facts) -> list[Request]:
    fields, base, technique = inputs.fields, facts.model, _technique(inputs)
    is_converse = base.is_nova and TECHNIQUES[technique].is_converse
    job = render(
        "FineTuning",
        spec=fields,
        technique=technique,
        model=base,
        base_model_arn=base.base_model_arn,
        role=facts.role,
        mlflow_resource=facts.mlflow_resource,
        group=facts.group,
        hyperparameters=facts.hyperparameters,
        evaluator=facts.decided.evaluator,
        is_adapter=(fields.training_type.value or DEFAULT_TYPE) == DEFAULT_TYPE,
        accept_eula=fields.accept_eula.to(base.package is not None or bool(fields.accept_eula)),
        s3_data_type="Converse" if is_converse else "S3Prefix",
        s3_output_path=fields.s3_output_path or default_bucket.find(inputs).uri("output"),
    )
    name = fields.base_job_name.value or inputs.qualified_name
    job["TrainingJobName"] = names.ending_in_identity(name, names.JOB_LIMIT)
    job["Tags"] = inputs.tags(tag(MODEL_ID, base.name), tag(HUB_NAME, base.hub))
    return [*facts.decided.requests, Request("job", "sagemaker", "CreateTrainingJob", job)]


def exports(inputs: Inputs, facts: Facts) -> Exports:  # noqa: ARG001  the protocol of kinds
    return Exports(model=facts.model.trained(facts.group))
