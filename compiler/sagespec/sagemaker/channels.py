"""The input channels of a training: data in S3, in file systems, in hubs, beside the spec, or of another training.

In: `input_data_config` of a spec. Out: the uploads, and the channels in the form of a request. Refuses duplicate
channels and unknown groups. Warns of members without effect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sagespec.diagnostics import Hint, Problems
from sagespec.documents.traced import Traced
from sagespec.sagemaker import compute, local_files
from sagespec.sagemaker.inputs import Inputs
from sagespec.sagemaker.local_files import Files

CODE, DRIVERS = "code", "sm_drivers"
MAX_CHANNELS = 20
_ABSENT = Traced(None)


@dataclass(frozen=True)
class Channel:
    """A channel: its full `source`, or the S3 URI of all its data; `entry` has its further members."""

    name: Traced
    source: Traced = _ABSENT
    uri: Traced = _ABSENT
    groups: Traced = _ABSENT
    entry: Traced = _ABSENT


def check(fields: Traced, problems: Problems) -> None:
    """Check channels for duplicates, against the instance groups, and for members without effect."""
    taken: set[str] = set()
    for channel in fields.input_data_config:
        name = channel.channel_name
        if name.value in taken:
            problems.error("duplicate-channel", f"there are two channels {name.value!r}", name.path)
        if name.value in (CODE, DRIVERS):
            problems.error("reserved-name", f"the channel {name.value!r} is sagespec's own", name.path)
        taken.add(name.value)
        _check_effects(channel, fields.training_input_mode.value, problems)
    own = bool(fields.source_code) + bool(fields.source_code.source_dir)
    if len(fields.input_data_config) + own > MAX_CHANNELS:
        message = f"a job has at most {MAX_CHANNELS} channels, {own} of them for code and drivers"
        problems.error("wrong-length", message, fields.input_data_config.path)
    _check_groups(fields, problems)
    _check_input_mode(fields, problems)


def _check_effects(channel: Traced, mode: str | None, problems: Problems) -> None:
    if channel.input_mode:
        mode = channel.input_mode.value
    elif _is_copied(channel.data_source):
        mode = None
    for name, word in (("compression_type", "Gzip"), ("record_wrapper_type", "RecordIO")):
        if channel[name].value == word and mode != "Pipe":
            message = f"{name} {word} has an effect in Pipe mode only"
            problems.warn("no-effect", message, channel[name].path, "give input_mode: Pipe")


def _check_groups(fields: Traced, problems: Problems) -> None:
    known = compute.names_of_groups(fields.compute)
    sources = [channel.data_source for channel in fields.input_data_config]
    for group in (group for source in sources for group in source.instance_group_names):
        if group.value not in known:
            hint = Hint(f"one of: {', '.join(known)}", "word", group.value, known)
            hint = hint if known else Hint("give compute.instance_groups")
            problems.error("unknown-group", f"there is no instance group {group.value!r}", group.path, hint)
    if not any(source.instance_group_names for source in sources):
        return
    for source in sources:
        if _is_in_s3(source) and not source.instance_group_names:
            message = (
                "instance_group_names are needed here as well: either all channels of S3 data name groups or none"
            )
            problems.error("missing-field", message, source.path, f"one or more of: {', '.join(known)}")


def _is_in_s3(source: Traced) -> bool:
    return source.value.startswith("s3://") if isinstance(source.value, str) else source.s3_uri.given


def is_local(source: Traced) -> bool:
    """Return whether data is beside the spec."""
    return isinstance(source.value, str) and not source.value.startswith(("s3://", "arn:"))


def _is_copied(source: Traced) -> bool:
    """Return whether data is copied unless its channel says otherwise: an S3 URI alone, uploaded data, a ref."""
    return not source.value.startswith("arn:") if isinstance(source.value, str) else source.ref.given


def _check_input_mode(fields: Traced, problems: Problems) -> None:
    """Warn of an input mode without effect: an S3 URI alone and uploaded data are always copied, as in the SDK."""
    mode = fields.training_input_mode
    plain = [c for c in fields.input_data_config if not c.input_mode]
    copied = [c.channel_name.value for c in plain if _is_copied(c.data_source)]
    if mode.value not in (None, "File") and copied:
        hint = f"give input_mode for {', '.join(copied)}"
        message = f"{mode.value} has no effect on channels that are an S3 URI, a local path or a ref and nothing else"
        problems.warn("no-effect", message, mode.path, hint)


def data(inputs: Inputs, problems: Problems) -> dict[str, Files]:
    """Return the files of the channels whose data is beside the spec, by channel."""
    return {
        channel.channel_name.value: local_files.data(inputs, channel.data_source, problems)
        for channel in inputs.fields.input_data_config
        if is_local(channel.data_source)
    }


def artifacts(inputs: Inputs) -> dict[str, Traced]:
    """Return the URIs of the channels whose data is the model artifacts of another training, by channel."""
    refs = {
        c.channel_name.value: (c.data_source, inputs.exported(c.data_source)) for c in inputs.fields.input_data_config
    }
    return {name: at.to(there.artifacts.value) for name, (at, there) in refs.items() if there and there.artifacts}


def of(fields: Traced, made: Mapping[str, Traced], code: Traced | None) -> Iterator[Channel]:
    """Yield the channels of a job; `made` are the URIs of uploads and refs by channel, `code` that of code in S3."""
    groups = _all_groups(fields)
    for entry in fields.input_data_config:
        source, name = entry.data_source, entry.channel_name
        if name.value in made:
            yield Channel(name, uri=made[name.value], groups=groups, entry=entry)
        elif isinstance(source.value, str) and source.value.startswith("s3://"):
            yield Channel(name, uri=source, entry=entry)
        else:
            yield Channel(name, source=source, entry=entry)
    own = {CODE: made.get(CODE, code), DRIVERS: made.get(DRIVERS)}
    for label, uri in own.items():
        if uri is not None:
            yield Channel(fields.source_code.to(label), uri=uri, groups=groups)


def _all_groups(fields: Traced) -> Traced:
    """Return all groups, for our own channels, uploads and refs: if one channel names groups, all have to."""
    if any(channel.data_source.instance_group_names for channel in fields.input_data_config):
        return fields.compute.instance_groups.to(compute.names_of_groups(fields.compute))
    return _ABSENT
