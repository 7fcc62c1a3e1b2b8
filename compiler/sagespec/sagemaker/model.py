"""Resolve the `model` of a spec: a base model, or a fine-tuned one with its package and group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sagespec import arn, assets
from sagespec.diagnostics import Problems
from sagespec.documents.traced import Traced
from sagespec.project.facts import Context, HubModel, ask


@dataclass(frozen=True)
class Model:
    """A base model (`package` is None) or a fine-tuned one.

    `package` is the ARN of the model package, or an `$output` that becomes one; `recipes` and `gated` are None where
    the lock does not have the base model. `arn` is the base model that a package was trained from, `latest` the hub's
    current version of it, if known. `data_mixing` has the default percents of Nova data.
    """

    name: str
    arn: Traced
    hub: str
    gated: bool | None = None
    recipes: Mapping[str, Any] | None = field(default=None, repr=False)
    package: Traced | None = None
    group: Traced | None = None
    latest: Traced | None = None
    data_mixing: Mapping[str, Mapping[str, float]] = field(default_factory=dict, repr=False)

    @property
    def is_nova(self) -> bool:
        return "nova" in self.name.lower()

    @property
    def base_model_arn(self) -> Traced:
        """The ARN of the model to train on: the latest one, like the recipe."""
        return self.latest or self.arn

    def trained(self, group: Traced) -> Model:
        """Return the model that a training on this one makes, in a model package group."""
        return Model(
            name=self.name,
            arn=self.base_model_arn,
            hub=self.hub,
            gated=self.gated,
            recipes=self.recipes,
            group=group,
            data_mixing=self.data_mixing,
        )

    def recipe(self, name: str) -> Mapping[str, Any] | None:
        """Return a recipe by its key, such as `<type>/<technique>`, or by the first parts of it."""
        keys = sorted(key for key in self.recipes or {} if key == name or key.startswith(f"{name}/"))
        return self.recipes[keys[0]] if self.recipes and keys else None


def find(given: Traced, context: Context, problems: Problems, trained: Model | None = None) -> Model | None:
    """Look up the model that a field names; `trained` is the model of a ref.

    Reports a missing fact at the field and returns None.
    """
    return ask(problems, given.path, lambda: _find(given, context, problems, trained)) if given else None


def _find(given: Traced, context: Context, problems: Problems, trained: Model | None) -> Model | None:
    if trained is not None:
        package = given.to({"$output": f"{given.value['ref']}.OutputModelPackageArn"})
        return Model(
            name=trained.name,
            arn=given.to(trained.arn.value),
            hub=trained.hub,
            gated=trained.gated,
            recipes=trained.recipes,
            package=package,
            group=trained.group and given.to(trained.group.value),
            data_mixing=trained.data_mixing,
        )
    if isinstance(given.value, dict):
        return _of_job(given, context, problems) if "job" in given.value else None
    content = arn.hub_content(given.value)
    if content is not None:
        return _of_arn(given, context, problems, content)
    if arn.parse(given.value) is None:
        return _of_hub(given, context.hub_model(alias(given.value)))
    fact = context.model_package(given.value)
    return _tuned(given, context, problems, fact.base_model, fact.base_model_arn, given.value, fact.group_arn)


def _of_hub(given: Traced, model: HubModel) -> Model:
    return Model(model.id, given.to(model.arn), model.hub, model.gated, model.recipes, data_mixing=model.data_mixing)


def _of_arn(given: Traced, context: Context, problems: Problems, content: arn.HubContent) -> Model:
    """Return the model of a hub-content ARN, whose gating and recipes only the lock knows."""
    known = ask(problems, given.path, lambda: context.hub_model(given.value), needed=False)
    if known is None:
        return Model(content.name, given, content.hub)
    return Model(
        name=content.name,
        arn=given,
        hub=content.hub,
        gated=known.gated,
        recipes=known.recipes,
        latest=given.to(known.arn),
        data_mixing=known.data_mixing,
    )


def _of_job(given: Traced, context: Context, problems: Problems) -> Model:
    job = context.job(given.value["job"])
    package = job.output_model_package_arn
    group = package.replace(":model-package/", ":model-package-group/").rpartition("/")[0]
    return _tuned(given, context, problems, job.base_model, job.base_model_arn, package, group)


def _tuned(
    given: Traced, context: Context, problems: Problems, name: str, base_arn: str, package: str, group: str
) -> Model:
    """Return a fine-tuned model; it can run without the hub's facts of its base model."""
    known = ask(problems, given.path, lambda: context.hub_model(name), needed=False)
    return Model(
        name=name,
        arn=given.to(base_arn),
        hub=known.hub if known else "",
        gated=known.gated if known else None,
        recipes=known.recipes if known else None,
        package=given.to(package),
        group=given.to(group),
        latest=given.to(known.arn) if known else None,
        data_mixing=known.data_mixing if known else {},
    )


def alias(name: str) -> str:
    """Return the hub's name of a model that is given by Bedrock's name."""
    return _aliases().get(name.removesuffix(":0"), name)


@cache
def _aliases() -> dict[str, str]:
    aliases: dict[str, str] = assets.document(assets.data() / "model_aliases.json")
    return aliases


def check_eula(model: Model, fields: Traced, problems: Problems, needs_flag: bool = False) -> None:
    """Refuse a gated model where the licence is explicitly not accepted, or where training needs the acceptance."""
    given = fields.accept_eula
    if model.gated is False or given.value is True:
        return
    hint = "read the licence, then set accept_eula: true"
    unsaid = needs_flag and model.package is None and not given.given
    if model.gated is None:
        if unsaid:
            message = f"whether {model.name} is gated is not known: its licence counts as not accepted"
            problems.warn("eula", message, fields.model.path, "run `sagespec lock`, or set accept_eula")
    elif given.value is False:
        problems.error("eula", f"{model.name} is gated and accept_eula is false", given.path, hint)
    elif unsaid:
        problems.error("eula", f"{model.name} is gated and its licence is not accepted", fields.model.path, hint)
