"""The instances of a training: of one type, in groups of several types, or as preferences.

In: the fields of a training. Out: the problems of `compute`, and the possible clusters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sagespec.diagnostics import Problems
from sagespec.documents.traced import Traced

DEFAULT_TYPE = "ml.m5.xlarge"
"""The SDK's default, with one instance."""
_ACCELERATED = re.compile(r"ml\.(p|g|trn)[0-9]")
_LOCAL_STORAGE = re.compile(
    r"ml\.(g4dn|g[5-9][a-z]*|p3dn|p4|p[5-9]|trn|i[0-9]|[a-z]+[0-9]+[a-z]*d[a-z]*)[a-z0-9-]*\."
)
"""Instances that encrypt local storage by a key of their own.

Source: documentation of ResourceConfig.VolumeKmsKeyId.
"""


@dataclass(frozen=True)
class Group:
    """Instances of one type."""

    type: Traced
    count: int


def clusters(compute: Traced) -> list[list[Group]]:
    """Return the clusters that a job may run on: one for each preference, else a single one with all groups."""
    if compute.instance_preferences:
        count = compute.instance_count.value
        return [[_group(one, one.instance_count.value or count)] for one in compute.instance_preferences]
    if compute.instance_groups:
        return [[_group(one, one.instance_count.value) for one in compute.instance_groups]]
    return [[_group(compute, compute.instance_count.value)]]


def _group(given: Traced, count: int | None) -> Group:
    return Group(given.instance_type or given.instance_type.to(DEFAULT_TYPE), 1 if count is None else count)


def is_accelerated(compute: Traced) -> bool:
    """Return whether any instance has GPUs or Trainium."""
    return any(_ACCELERATED.match(group.type.value) for cluster in clusters(compute) for group in cluster)


def check(compute: Traced, problems: Problems) -> None:
    """Check which members of `compute` exclude or need each other."""
    if compute.instance_preferences:
        _check_preferences(compute, problems)
    elif compute.instance_groups:
        _exclude(compute, "instance_groups", ("instance_type", "instance_count"), problems)
    _check_distinct(compute.instance_groups, "instance_group_name", problems)
    _check_placement(compute, problems)
    key = compute.volume_kms_key_id
    local = sorted({g.type.value for c in clusters(compute) for g in c if _LOCAL_STORAGE.match(g.type.value)})
    if key and local:
        message = f"the service refuses volume_kms_key_id for {', '.join(local)}: local storage has a key of its own"
        problems.warn("volume-key", message, key.path, "leave it out")
    plan, spot = compute.training_plan_arn, compute.enable_managed_spot_training
    if plan and spot:
        message = "a training_plan_arn names reserved capacity, which spot instances are not"
        problems.warn("no-effect", message, plan.path, "leave out enable_managed_spot_training")


def _exclude(compute: Traced, name: str, others: tuple[str, ...], problems: Problems) -> None:
    for other in others:
        if compute[other].given:
            message = f"{other} cannot stand beside {name}, which says it for each entry"
            problems.error("exclusive-fields", message, compute[other].path, on_key=True)


def _check_preferences(compute: Traced, problems: Problems) -> None:
    preferences = list(compute.instance_preferences)
    _exclude(compute, "instance_preferences", ("instance_type", "instance_groups"), problems)
    for other in ("instance_placement_config", "enable_managed_spot_training"):
        if compute[other]:
            message = f"{other} cannot stand beside instance_preferences"
            problems.error("exclusive-fields", message, compute[other].path, on_key=True)
    _check_distinct(compute.instance_preferences, "instance_type", problems)
    counted = [one for one in preferences if one.instance_count.given]
    if compute.instance_count.given and counted:
        message = "instance_count stands in compute and in instance_preferences: give it once, or in each of them"
        problems.error("exclusive-fields", message, compute.instance_count.path, on_key=True)
    elif not compute.instance_count.given:
        for one in (one for one in preferences if not one.instance_count.given):
            hint = "give it in each of instance_preferences, or once in compute"
            problems.error("missing-field", "'instance_count' is required", one.path, hint)
    plans = [one.training_plan_arns for one in preferences if one.training_plan_arns]
    if compute.training_plan_arn and plans:
        message = "training_plan_arn is the plan of all preferences, training_plan_arns that of one: not both"
        problems.error("exclusive-fields", message, plans[0].path, on_key=True)


def _check_distinct(entries: Traced, name: str, problems: Problems) -> None:
    seen = set()
    for entry in entries:
        if entry[name].value in seen:
            problems.error(
                "duplicate-name", f"there are two entries with {name} {entry[name].value!r}", entry[name].path
            )
        seen.add(entry[name].value)


def _check_placement(compute: Traced, problems: Problems) -> None:
    placed = compute.instance_placement_config.placement_specifications
    total = sum(one.instance_count.value for one in placed)
    there = sum(group.count for group in clusters(compute)[0])
    if placed and total > there:
        message = f"placement_specifications place {total} instances, of the {there} that the job has"
        problems.error("out-of-range", message, placed.path, "raise instance_count")


def names_of_groups(compute: Traced) -> list[str]:
    """Return the names of the instance groups."""
    return [group.instance_group_name.value for group in compute.instance_groups]


def check_effects(fields: Traced, problems: Problems) -> None:
    """Warn of fields without effect on these instances."""
    if is_accelerated(fields.compute):
        return
    for field, what in _for_accelerators(fields):
        message = f"{what} has an effect on instances of ml.p, ml.g and ml.trn only"
        problems.warn("no-effect", message, field.path)


def _for_accelerators(fields: Traced) -> Iterator[tuple[Traced, str]]:
    pending = fields.stopping_condition.max_pending_time_in_seconds
    if pending:
        yield pending, "max_pending_time_in_seconds"
    check_ = fields.infra_check_config
    if check_.given and check_.enable_infra_check.value is not False:
        yield check_, "infra_check_config"
