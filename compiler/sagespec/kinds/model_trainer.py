"""ModelTrainer: one training job, with its code and the drivers that start it on every node."""

from __future__ import annotations

import json
import posixpath
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sagespec.diagnostics import Problems
from sagespec.documents import names
from sagespec.documents.compiled import Request
from sagespec.documents.render import render
from sagespec.documents.traced import Traced
from sagespec.project.gitignore import Ignored
from sagespec.sagemaker import code_folder, default_bucket, distributed, uploads
from sagespec.sagemaker.code_folder import Unusable
from sagespec.sagemaker.default_bucket import DefaultBucket
from sagespec.sagemaker.distributed import Config
from sagespec.sagemaker.inputs import Inputs
from sagespec.sagemaker.uploads import Upload

SWITCHES = (
    ("enable_inter_container_traffic_encryption", "EnableInterContainerTrafficEncryption"),
    ("enable_network_isolation", "EnableNetworkIsolation"),
)
RESERVED_CHANNELS = ("code", "sm_drivers")
MODEL_PARALLELISM = "mp_parameters"
MAX_RUNTIME_SECONDS = 3600
QUOTA_SECONDS = 432_000
LARGE_BYTES = 100_000_000
CUSTOM = "Custom"


@dataclass(frozen=True)
class Facts:
    """The facts of a training: its role, its files, and how its processes are started."""

    role: Traced
    config: Config | None = None
    code: list[Upload] = field(default_factory=list, repr=False)
    driver: list[Upload] = field(default_factory=list, repr=False)


def resolve(inputs: Inputs, problems: Problems) -> Facts | None:
    fields = inputs.fields
    role = inputs.role(problems)
    before = len(problems)
    config = _config(inputs, problems)
    if config is not None:
        distributed.check_machines(config, fields.compute, problems)
    _check_source(fields, problems)
    _check_names(fields, config, problems)
    _check_waiting(fields, problems)
    _check_input_mode(fields, problems)
    _check_runtime(fields.stopping_condition.max_runtime_in_seconds, problems)
    code = _files(inputs, fields.source_code.source_dir, fields.source_code.ignore_patterns, problems)
    driver = _driver(inputs, problems) if config and config.type == CUSTOM else []
    if code:
        _check_named_files(fields.source_code, {u.name for u in code}, problems)
    if role is None or any(p.severity == "error" for p in problems[before:]):
        return None
    return Facts(role, config, code, driver)


def _config(inputs: Inputs, problems: Problems) -> Config | None:
    """The distributed config: that of a ref, or the one written inline."""
    given = inputs.fields.distributed
    if not given:
        return None
    upstream = inputs.upstream.get("distributed")
    if upstream is not None and upstream.config is not None:
        return distributed.of_ref(upstream.config, given.ref)
    kind = given.type.value
    if kind == CUSTOM:
        return Config(kind, given.value)
    config = distributed.of_kind(kind, given)
    distributed.check(config, problems)
    return config


def _check_source(fields: Traced, problems: Problems) -> None:
    source = fields.source_code
    if source.command and source.entry_script:
        problems.error("exclusive-fields", "either an entry_script or a command, not both", source.command.path)
    if source.given and not (source.command or source.entry_script):
        problems.error("missing-field", "source_code needs an entry_script or a command", source.path)
    for name in ("entry_script", "requirements", "ignore_patterns"):
        if source[name] and not source.source_dir:
            problems.error("missing-field", f"{name} needs a source_dir to be in", source[name].path)
    if fields.distributed and source.command:
        problems.error("exclusive-fields", "distributed starts an entry_script, not a command", source.command.path)
    elif fields.distributed and not source.entry_script:
        hint = "give source_code.entry_script"
        problems.error("missing-field", "distributed has no script to start", fields.distributed.path, hint)
    if fields.networking.enable_network_isolation and source.requirements:
        message = "enable_network_isolation leaves pip without an index: all requirements must be files in source_dir"
        problems.warn("no-network", message, source.requirements.path)
    repository = fields.environment["CA_REPOSITORY_ARN"]
    if repository and source.requirements:
        hint = "set PIP_INDEX_URL, or log in and install within a command"
        problems.warn("no-effect", "requirements are not looked for in CodeArtifact", repository.path, hint)


def _check_names(fields: Traced, config: Config | None, problems: Problems) -> None:
    taken: set[str] = set()
    for channel in fields.input_data_config:
        name = channel.channel_name
        if name.value in taken:
            problems.error("duplicate-channel", f"there are two channels {name.value!r}", name.path)
        if name.value in RESERVED_CHANNELS:
            problems.error("reserved-name", f"the channel {name.value!r} is sagespec's own", name.path)
        taken.add(name.value)
    if config is not None and config.smp.given and fields.hyperparameters[MODEL_PARALLELISM].given:
        path = fields.hyperparameters[MODEL_PARALLELISM].path
        problems.error("reserved-name", f"smp sets the hyperparameter {MODEL_PARALLELISM} itself", path)


def _check_waiting(fields: Traced, problems: Problems) -> None:
    """Spot instances are waited for, others are not."""
    spot, given = fields.compute.enable_managed_spot_training, fields.stopping_condition
    wait, longest = given.max_wait_time_in_seconds, given.max_runtime_in_seconds.value or MAX_RUNTIME_SECONDS
    if wait and wait.value < longest:
        message = f"max_wait_time_in_seconds is {wait.value}, less than the {longest} seconds that the job may run"
        problems.error("out-of-range", message, wait.path)
    if wait and not spot:
        problems.warn("no-effect", "only spot instances are waited for: see enable_managed_spot_training", wait.path)
    if spot and not wait:
        hint = "give stopping_condition.max_wait_time_in_seconds, which counts the run as well"
        problems.warn("no-wait", "the service requires a limit to the wait for spot instances", spot.path, hint)


def _check_runtime(given: Traced, problems: Problems) -> None:
    if given and given.value > QUOTA_SECONDS:
        message = f"accounts may run jobs for {QUOTA_SECONDS} seconds (5 days) where the quota was not raised"
        problems.warn("quota", message, given.path)


def _check_input_mode(fields: Traced, problems: Problems) -> None:
    """An S3 URI alone is always copied, as by the SDK: the channel's own mode wins over the job's."""
    mode = fields.training_input_mode
    copied = [c.channel_name.value for c in fields.input_data_config if str(c.data_source.value).startswith("s3:")]
    if mode.value not in (None, "File") and copied:
        hint = f"write data_source as {{s3_uri: ...}} for {', '.join(copied)}"
        message = f"{mode.value} has no effect on channels that are an S3 URI and nothing else"
        problems.warn("no-effect", message, mode.path, hint)


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
    path = inputs.local_path(given, problems)
    if path is None:
        return []
    status = uploads.status(path)
    if status is None or not stat.S_ISDIR(status.st_mode):
        why = "no such folder" if status is None else "not a folder"
        hint = "code is uploaded from a folder beside the spec" if "://" in given.value else ""
        problems.error("missing-file", f"{given.value}: {why}", given.path, hint)
        return []
    try:
        files = code_folder.read(path, inputs.project, ignored)
    except Unusable as error:
        for fault in error.faults:
            shown = posixpath.join(given.value, fault.name).rstrip("/")
            problems.error(fault.rule, f"{shown}: {fault.why}", given.path)
        return []
    _warn_of_size(given, files, problems)
    if secrets := code_folder.secrets(files, path):
        named = ", ".join(secrets[:5]) + (f" and {len(secrets) - 5} more" if len(secrets) > 5 else "")
        hint = "leave it out with ignore_patterns, or keep it elsewhere"
        problems.warn("secret-upload", f"{named} would be uploaded, and may hold secrets", given.path, hint)
    return files


def _warn_of_size(given: Traced, files: list[Upload], problems: Problems) -> None:
    total = sum(file.size or 0 for file in files)
    if total > LARGE_BYTES:
        largest = max(files, key=lambda file: file.size or 0)
        message = (
            f"{given.value} is {total / 1e6:,.0f} MB to upload; {largest.name} has {(largest.size or 0) / 1e6:,.0f}"
        )
        hint = "leave files out with ignore_patterns; data has channels of its own"
        problems.warn("large-upload", message, given.path, hint)


def _ignored(patterns: Traced, problems: Problems) -> Ignored | None:
    """What a spec leaves out; None where that cannot be said."""
    before = len(problems)
    for pattern in patterns:
        try:
            Ignored([pattern.value])
        except ValueError as error:
            problems.error("bad-pattern", str(error), pattern.path)
    try:
        return None if len(problems) > before else Ignored(patterns.value if patterns.given else uploads.IGNORED)
    except ValueError as error:  # of all together
        problems.error("bad-pattern", str(error), patterns.path)
        return None


def _driver(inputs: Inputs, problems: Problems) -> list[Upload]:
    folder, script = inputs.fields.distributed.driver_dir, inputs.fields.distributed.driver_script
    uploaded = _files(inputs, folder, Traced(None), problems)
    if uploaded and posixpath.normpath(script.value) not in {u.name for u in uploaded}:
        problems.error("missing-file", f"{script.value} is not in {folder.value}", script.path)
    return uploaded


def requests(inputs: Inputs, facts: Facts) -> list[Request]:
    fields = inputs.fields
    bucket = default_bucket.find(inputs)
    members = uploads.protection(bucket.owner, fields.output_data_config.kms_key_id)
    made: list[Request] = []
    channels = [(c.channel_name, c.data_source) for c in fields.input_data_config]
    for label, name, files in (("source", "code", facts.code), ("drivers", "sm_drivers", _drivers(fields, facts))):
        if files:
            prefix = bucket.key(uploads.prefix(files, name))
            made += uploads.requests(files, label, bucket.name, prefix, **members)
            place = fields.source_code.to(f"s3://{bucket.name.value}/{prefix}/")
            channels.append((fields.source_code.to(name), place))
    job = render(
        "ModelTrainer",
        spec=fields,
        compute=fields.compute,
        role=facts.role,
        has_code=bool(fields.source_code),
        channels=channels,
        switches=SWITCHES,
        max_runtime=MAX_RUNTIME_SECONDS,
        hyperparameters=dict(_hyperparameters(fields, facts.config)),
        s3_output_path=_output_path(inputs, bucket),
    )
    base = fields.base_job_name.value or inputs.qualified_name
    job["TrainingJobName"] = names.ending_in_identity(base, names.JOB_LIMIT)
    if tags := inputs.tags():
        job["Tags"] = tags
    return [*made, Request("job", "sagemaker", "CreateTrainingJob", job)]


def _drivers(fields: Traced, facts: Facts) -> list[Upload]:
    """What the container starts with: our drivers, what they are to run, and a driver of the user's own."""
    source = fields.source_code
    if not source:
        return []
    wanted = {name: source[name].value for name in ("command", "entry_script", "requirements") if source[name]}
    own = [Upload(f"distributed_drivers/{u.name}", u.body, u.sha256, u.size) for u in facts.driver]
    files = [*uploads.packaged(), *own, uploads.document("sourcecode.json", wanted)]
    if facts.config is not None:
        files.append(uploads.document("distributed.json", facts.config.document))
    return files


def _hyperparameters(fields: Traced, config: Config | None) -> Iterator[tuple[str, Traced]]:
    """Hyperparameters as they are sent: text as it is, anything else as JSON."""
    for name, given in fields.hyperparameters.entries():
        yield name, given.to(_text(given.value))
    if config is not None and config.smp.given:
        yield MODEL_PARALLELISM, config.smp.to(json.dumps(config.smp.value))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _output_path(inputs: Inputs, bucket: DefaultBucket) -> Traced:
    fields = inputs.fields
    given = fields.output_data_config.s3_output_path
    if given:
        return given
    image = str(fields.training_image.value or "")
    what = image.rpartition("/")[2].partition(":")[0].partition("@")[0] or fields.algorithm_name.value
    name = fields.base_job_name.value or f"{what}-job"
    return fields.base_job_name.to(bucket.uri(name).value)
