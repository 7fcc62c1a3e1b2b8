"""ModelTrainer: one training job, with its code, its data and the drivers that start it on every node."""

from __future__ import annotations

import json
import posixpath
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sagespec.diagnostics import Problems
from sagespec.documents import identity, names
from sagespec.documents.compiled import Request
from sagespec.documents.render import render
from sagespec.documents.traced import Traced
from sagespec.sagemaker import channels, compute, default_bucket, distributed, local_files, source_code, uploads
from sagespec.sagemaker.default_bucket import DefaultBucket
from sagespec.sagemaker.distributed import Config
from sagespec.sagemaker.exports import Exports
from sagespec.sagemaker.inputs import Inputs
from sagespec.sagemaker.local_files import Files
from sagespec.sagemaker.source_code import Code
from sagespec.sagemaker.uploads import Upload

SWITCHES = (
    ("enable_inter_container_traffic_encryption", "EnableInterContainerTrafficEncryption"),
    ("enable_network_isolation", "EnableNetworkIsolation"),
)
CONFIGS = (
    ("infra_check_config", "InfraCheckConfig", "enable_infra_check", "EnableInfraCheck"),
    ("remote_debug_config", "RemoteDebugConfig", "enable_remote_debug", "EnableRemoteDebug"),
    ("session_chaining_config", "SessionChainingConfig", "enable_session_tag_chaining", "EnableSessionTagChaining"),
)
"""Mappings that a switch can disable (it is on by default): field, member, and field and member of the switch."""
MODEL_PARALLELISM = "mp_parameters"
MAX_RUNTIME_SECONDS = 3600
QUOTA_SECONDS = 432_000
CUSTOM = "Custom"
KEY_BYTES = 1024
"""The most bytes of an S3 key."""


@dataclass(frozen=True)
class Facts:
    """The facts of a training: its role, its files, and how its processes are started."""

    role: Traced
    config: Config | None = None
    code: Code = field(default_factory=Code)
    driver: list[Upload] = field(default_factory=list, repr=False)
    data: Mapping[str, Files] = field(default_factory=dict, repr=False)


def resolve(inputs: Inputs, problems: Problems) -> Facts | None:
    fields = inputs.fields
    role = inputs.role(problems)
    before = len(problems)
    config = _config(inputs, problems)
    compute.check(fields.compute, problems)
    if config is not None:
        distributed.check_machines(config, compute.clusters(fields.compute), problems)
    source_code.check(fields, problems)
    channels.check(fields, problems)
    compute.check_effects(fields, problems)
    _check_image(fields, problems)
    _check_metrics(fields.metric_definitions, problems)
    _check_waiting(fields, problems)
    _check_runtime(fields.stopping_condition.max_runtime_in_seconds, problems)
    _check_debugging(fields, problems)
    _check_parallelism(fields, config, problems)
    code = source_code.find(inputs, problems)
    driver = _driver(inputs, problems) if config and config.type == CUSTOM else []
    data = channels.data(inputs, problems)
    if role is None or any(p.severity == "error" for p in problems[before:]):
        return None
    facts = Facts(role, config, code, driver, data)
    _check_keys(inputs, facts, problems)
    return facts


def _config(inputs: Inputs, problems: Problems) -> Config | None:
    """Return the distributed config of a ref, or the one written inline."""
    given = inputs.fields.distributed
    if not given:
        return None
    upstream = inputs.exported(given)
    if upstream is not None and upstream.config is not None:
        return distributed.of_ref(upstream.config, given.ref)
    kind = given.type.value
    if kind == CUSTOM:
        return Config(kind, given.value)
    config = distributed.of_kind(kind, given)
    distributed.check(config, problems)
    return config


def _check_image(fields: Traced, problems: Problems) -> None:
    """Check that training_image_config has an image, and a private registry the VPC of the job."""
    given, mode = fields.training_image_config, fields.training_image_config.training_repository_access_mode
    if given.given and not fields.training_image:
        message = "training_image_config needs a training_image"
        problems.error("missing-field", message, given.path, on_key=True)
    if mode.value == "Vpc" and not fields.networking.subnets:
        message = "training_repository_access_mode Vpc needs networking.subnets of the VPC that the registry is in"
        problems.error("missing-field", message, mode.path)


def _check_metrics(definitions: Traced, problems: Problems) -> None:
    seen = set()
    for one in definitions:
        name, regex = (one.name, one.regex) if one.name.given else (one.Name, one.Regex)
        if name.value in seen:
            problems.error("duplicate-name", f"there are two metrics {name.value!r}", name.path)
        seen.add(name.value)
        try:
            with warnings.catch_warnings(action="ignore"):
                groups = re.compile(regex.value).groups
        except (re.error, OverflowError, RecursionError) as error:
            problems.error("bad-regex", f"not a regular expression: {error}", regex.path)
        else:
            if not groups:
                message = "without a group ( ) in its regex, the metric never has a value"
                problems.warn("no-effect", message, regex.path, "put the number into a group: loss=([0-9.]+)")


def _check_waiting(fields: Traced, problems: Problems) -> None:
    """Check the waiting time, which only spot instances have."""
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


def _check_debugging(fields: Traced, problems: Problems) -> None:
    given = fields.remote_debug_config
    is_on = given.given and given.enable_remote_debug.value is not False
    if is_on and fields.networking.enable_network_isolation:
        message = "enable_remote_debug does not work with enable_network_isolation"
        problems.warn("no-network", message, given.path, on_key=True)


def _check_parallelism(fields: Traced, config: Config | None, problems: Problems) -> None:
    if config is not None and config.smp.given and fields.hyperparameters[MODEL_PARALLELISM].given:
        path = fields.hyperparameters[MODEL_PARALLELISM].path
        problems.error("reserved-name", f"smp sets the hyperparameter {MODEL_PARALLELISM} itself", path)


def _driver(inputs: Inputs, problems: Problems) -> list[Upload]:
    folder, script = inputs.fields.distributed.driver_dir, inputs.fields.distributed.driver_script
    ignored = local_files.ignored(Traced(None), problems)
    target = local_files.find(inputs, folder, problems, "folder")
    if target is None or ignored is None:
        return []
    path, is_folder = target
    if not is_folder:
        problems.error("missing-file", f"{folder.value}: not a folder", folder.path)
        return []
    uploaded = local_files.folder(inputs, folder, path, ignored, problems).uploads
    if uploaded and posixpath.normpath(script.value) not in {u.name for u in uploaded}:
        problems.error("missing-file", f"{script.value} is not in {folder.value}", script.path)
    return uploaded


@dataclass(frozen=True)
class Uploaded:
    """The uploads of one channel: files, key prefix, and the prefix of the ids of requests."""

    channel: str
    label: str
    files: Files
    prefix: str

    def uri(self, bucket: DefaultBucket) -> str:
        return f"s3://{bucket.name.value}/{self.prefix}/{self.files.single}"


def _uploaded(inputs: Inputs, facts: Facts) -> Iterator[Uploaded]:
    """Yield the uploads of each channel."""
    fields = inputs.fields
    bucket, key_id = default_bucket.find(inputs), str(fields.output_data_config.kms_key_id.value or "")
    above = str(fields.input_s3_key_prefix.value or "")
    sets = {name: (f"{identity.DATA}/{name}", files) for name, files in facts.data.items()}
    sets |= {
        channels.CODE: ("source", facts.code.files),
        channels.DRIVERS: ("drivers", Files(_drivers(fields, facts))),
    }
    for channel, (label, files) in sets.items():
        if files.uploads:
            prefix = bucket.key(above, uploads.prefix(files.uploads, channel, key_id))
            yield Uploaded(channel, label, files, prefix)


def _check_keys(inputs: Inputs, facts: Facts, problems: Problems) -> None:
    """Check the length of keys: prefixes and file name together."""
    fields = inputs.fields
    keys = [f"{one.prefix}/{upload.name}" for one in _uploaded(inputs, facts) for upload in one.files.uploads]
    size = max((len(key.encode()) for key in keys), default=0)
    if size > KEY_BYTES:
        path = (fields.input_s3_key_prefix or fields.default_bucket_prefix).path
        problems.error("bad-key", f"a key below this prefix has {size:,} bytes, S3 takes {KEY_BYTES:,}", path)


def requests(inputs: Inputs, facts: Facts) -> list[Request]:
    fields = inputs.fields
    bucket = default_bucket.find(inputs)
    members = uploads.protection(bucket.owner, fields.output_data_config.kms_key_id)
    origins = {c.channel_name.value: c.data_source for c in fields.input_data_config}
    # a generated bucket comes from no field: what is said of an upload is said of the whole spec
    held_in = bucket.name if fields.default_bucket else bucket.name.value
    made: list[Request] = []
    uris = channels.artifacts(inputs)
    for one in _uploaded(inputs, facts):
        made += uploads.requests(one.files.uploads, one.label, held_in, one.prefix, **members)
        uris[one.channel] = origins.get(one.channel, fields.source_code).to(one.uri(bucket))
    base = _base(fields)
    name = names.ending_in_identity(fields.base_job_name.value or inputs.qualified_name, names.JOB_LIMIT)
    output = fields.base_job_name.to(bucket.uri(base).value)
    job = render(
        "ModelTrainer",
        spec=fields,
        compute=fields.compute,
        default_type=fields.compute.to(compute.DEFAULT_TYPE),
        role=facts.role,
        has_code=bool(fields.source_code),
        channels=list(channels.of(fields, uris, facts.code.uri)),
        switches=SWITCHES,
        configs=CONFIGS,
        max_runtime=MAX_RUNTIME_SECONDS,
        hyperparameters=dict(_hyperparameters(fields, facts.config)),
        checkpoint_uri=_checkpoints(fields, output.value, name),
        default_output_path=output,
        s3_output_path=fields.output_data_config.s3_output_path or output,
    )
    job["TrainingJobName"] = name
    if tags := inputs.tags():
        job["Tags"] = tags
    return [*made, Request("job", "sagemaker", "CreateTrainingJob", job)]


def exports(inputs: Inputs, facts: Facts) -> Exports:  # noqa: ARG001  the protocol of kinds
    return Exports(artifacts=Traced({"$output": f"{inputs.spec.address}.S3ModelArtifacts"}))


def _base(fields: Traced) -> str:
    """Return the end of the default output path: the base name of the job, else that of image or algorithm."""
    image = str(fields.training_image.value or "")
    what = image.rpartition("/")[2].partition(":")[0].partition("@")[0] or fields.algorithm_name.value
    return str(fields.base_job_name.value or f"{what}-job")


def _checkpoints(fields: Traced, output: str, name: Mapping[str, str]) -> Traced:
    """Return the URI of checkpoints: by default below the job's own name, so that no job continues another's."""
    given = fields.checkpoint_config
    own = {"$identity": [f"{output}/{name['$identity']}", "/checkpoints"]}
    return given.s3_uri if given.s3_uri.given else given.to(own)


def _drivers(fields: Traced, facts: Facts) -> list[Upload]:
    """Return the uploads that start a container: our drivers, their configuration, and the user's own driver."""
    source = fields.source_code
    if not source:
        return []
    own = [Upload(f"distributed_drivers/{u.name}", u.body, u.sha256, u.size) for u in facts.driver]
    started = uploads.document("sourcecode.json", source_code.started(source, facts.code))
    files = [*uploads.packaged(), *own, started]
    if facts.config is not None:
        files.append(uploads.document("distributed.json", facts.config.document))
    return files


def _hyperparameters(fields: Traced, config: Config | None) -> Iterator[tuple[str, Traced]]:
    """Yield hyperparameters as they are sent: text unchanged, other values as JSON."""
    for name, given in fields.hyperparameters.entries():
        yield name, given.to(_text(given.value))
    if config is not None and config.smp.given:
        yield MODEL_PARALLELISM, config.smp.to(json.dumps(config.smp.value))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
