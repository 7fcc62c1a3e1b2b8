"""ModelTrainer: one training job, with its code and the drivers that start it on every node."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from compiler import distributed, names, uploads
from compiler.compiled import Request
from compiler.diagnostics import Problems
from compiler.distributed import Config
from compiler.gitignore import Ignored
from compiler.render import render
from compiler.resolved import Inputs
from compiler.trace import Traced
from compiler.uploads import Unusable, Upload

SWITCHES = (
    ("enable_inter_container_traffic_encryption", "EnableInterContainerTrafficEncryption"),
    ("enable_network_isolation", "EnableNetworkIsolation"),
)
RESERVED_CHANNELS = ("code", "sm_drivers")
MODEL_PARALLELISM = "mp_parameters"


@dataclass(frozen=True)
class Facts:
    """What a training stands on: its role, its files, and how its processes are started."""

    role: Traced
    config: Config | None = None
    code: list[Upload] = field(default_factory=list, repr=False)
    driver: list[Upload] = field(default_factory=list, repr=False)


def resolve(inputs: Inputs, problems: Problems) -> Facts | None:
    fields = inputs.fields
    role = inputs.role(problems)
    before = len(problems)
    config = _config(inputs)
    if config is not None:
        machines = distributed.world(fields.compute, config)
        distributed.check(config, machines, fields.compute, problems)
    _check_source(fields, problems)
    _check_names(fields, config, problems)
    code = _files(inputs, fields.source_code.source_dir, fields.source_code.ignore_patterns, problems)
    driver = _driver(inputs, config, problems) if config and config.type == "Custom" else []
    if code:
        _check_named_files(fields.source_code, {u.name for u in code}, problems)
    if role is None or any(p.severity == "error" for p in problems[before:]):
        return None
    return Facts(role, config, code, driver)


def _config(inputs: Inputs) -> Config | None:
    """The distributed config: that of a ref, or the one written inline."""
    given = inputs.fields.distributed
    if not given:
        return None
    if "distributed" in inputs.upstream:
        found: Config = inputs.upstream["distributed"]
        return Config(found.type, given.to(found.fields.value), found.document)
    kind = given.type.value
    return Config(kind, given, given) if kind == "Custom" else distributed.of_kind(kind, given)


def _check_source(fields: Traced, problems: Problems) -> None:
    source = fields.source_code
    if source.command and source.entry_script:
        problems.error("exclusive-fields", "either an entry_script or a command, not both", source.command.path)
    if source and not (source.command or source.entry_script):
        problems.error("missing-field", "source_code needs an entry_script or a command", source.path)
    for name in ("entry_script", "requirements", "ignore_patterns"):
        if source[name] and not source.source_dir:
            problems.error("missing-field", f"{name} needs a source_dir to be in", source[name].path)
    if fields.distributed and source.command:
        problems.error("exclusive-fields", "distributed starts an entry_script, not a command", source.command.path)
    elif fields.distributed and not source.entry_script:
        hint = "give source_code.entry_script"
        problems.error("missing-field", "distributed has no script to start", fields.distributed.path, hint)


def _check_names(fields: Traced, config: Config | None, problems: Problems) -> None:
    taken: set[str] = set()
    for channel in fields.input_data_config:
        name = channel.channel_name
        if name.value in taken:
            problems.error("duplicate-channel", f"there are two channels {name.value!r}", name.path)
        if name.value in RESERVED_CHANNELS:
            problems.error("reserved-name", f"the channel {name.value!r} is sagespec's own", name.path)
        taken.add(name.value)
    if config is not None and config.fields.smp.given and fields.hyperparameters[MODEL_PARALLELISM].given:
        place = fields.hyperparameters[MODEL_PARALLELISM].path
        problems.error("reserved-name", f"smp sets the hyperparameter {MODEL_PARALLELISM} itself", place)


def _check_named_files(source: Traced, known: set[str], problems: Problems) -> None:
    for name in ("entry_script", "requirements"):
        given = source[name]
        if given and posixpath.normpath(given.value) not in known:
            message = f"{given.value} is not in {source.source_dir.value}, or is ignored"
            problems.error("missing-file", message, given.path)


def _files(inputs: Inputs, given: Traced, patterns: Traced, problems: Problems) -> list[Upload]:
    """The files of a folder that a spec names, relative to the spec."""
    ignored = _ignored(patterns, problems)
    if not given or ignored is None:
        return []
    place = inputs.folder / given.value
    if not place.is_dir():
        problems.error("missing-file", f"{given.value}: no such folder", given.path)
        return []
    try:
        return uploads.folder(place, inputs.root, ignored)
    except Unusable as error:
        for fault in error.faults:
            message = f"{posixpath.join(given.value, fault.name)}: {fault.why}"
            problems.error(fault.rule, message, given.path)
        return []


def _ignored(patterns: Traced, problems: Problems) -> Ignored | None:
    """What a spec leaves out; None where that cannot be said."""
    before = len(problems)
    for pattern in patterns:
        try:
            Ignored([pattern.value])
        except ValueError as error:
            problems.error("bad-pattern", str(error), pattern.path)
    if len(problems) > before:
        return None
    return Ignored(patterns.value if patterns.given else uploads.IGNORED)


def _driver(inputs: Inputs, config: Config, problems: Problems) -> list[Upload]:
    found = _files(inputs, config.fields.driver_dir, Traced(None), problems)
    script = config.fields.driver_script
    if found and posixpath.normpath(script.value) not in {u.name for u in found}:
        problems.error("missing-file", f"{script.value} is not in {config.fields.driver_dir.value}", script.path)
    return found


def requests(inputs: Inputs, facts: Facts) -> list[Request]:
    fields = inputs.fields
    context = inputs.context
    bucket = f"sagemaker-{context.region}-{context.account}"
    made: list[Request] = []
    channels = [(c.channel_name, c.data_source) for c in fields.input_data_config]
    for label, name, files in (("source", "code", facts.code), ("drivers", "sm_drivers", _drivers(fields, facts))):
        if files:
            prefix = uploads.prefix(files, name)
            made += uploads.requests(files, label, bucket, prefix)
            channels.append((fields.source_code.to(name), fields.source_code.to(f"s3://{bucket}/{prefix}/")))
    job = render(
        "ModelTrainer",
        spec=fields,
        compute=fields.compute,
        role=facts.role,
        has_code=bool(fields.source_code),
        channels=channels,
        switches=SWITCHES,
        hyperparameters=dict(_hyperparameters(fields, facts.config)),
        s3_output_path=_output_path(inputs, bucket),
        text=_text,
    )
    base = fields.base_job_name.value or inputs.qualified_name
    job["TrainingJobName"] = names.ending_in_identity(base, names.JOB_LIMIT)
    job["Tags"] = inputs.tags()
    return [*made, Request("job", "sagemaker", "CreateTrainingJob", job)]


def _drivers(fields: Traced, facts: Facts) -> list[Upload]:
    """What the container starts with: our drivers, what they are to run, and a driver of the user's own."""
    source = fields.source_code
    if not source:
        return []
    wanted = {name: source[name] for name in ("command", "entry_script", "requirements") if source[name]}
    own = [Upload(f"distributed_drivers/{u.name}", u.body, u.sha256, u.size) for u in facts.driver]
    files = [*uploads.packaged(), *own, uploads.document("sourcecode.json", _plain(wanted))]
    if facts.config is not None:
        files.append(uploads.document("distributed.json", _plain(facts.config.document)))
    return files


def _plain(tree: Any) -> Any:
    """A document without traces and without what is not given: it is hashed before it is settled."""
    if isinstance(tree, Traced):
        return _plain(tree.value)
    if isinstance(tree, dict):
        return {key: item for key, item in ((k, _plain(v)) for k, v in tree.items()) if item is not None}
    return tree


def _hyperparameters(fields: Traced, config: Config | None) -> Iterator[tuple[str, Traced]]:
    """Hyperparameters as they are sent: text as it is, anything else as JSON."""
    for name, given in fields.hyperparameters.entries():
        yield name, given.to(_text(given.value))
    if config is not None and config.type == "Torchrun" and config.fields.smp.given:
        yield MODEL_PARALLELISM, config.fields.smp.to(json.dumps(config.fields.smp.value))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _output_path(inputs: Inputs, bucket: str) -> Traced:
    fields = inputs.fields
    given = fields.output_data_config.s3_output_path
    if given:
        return given
    image = str(fields.training_image.value or fields.algorithm_name.value)
    name = fields.base_job_name.value or f"{image.rpartition('/')[2].partition(':')[0].partition('@')[0]}-job"
    return fields.base_job_name.to(f"s3://{bucket}/{name}")
