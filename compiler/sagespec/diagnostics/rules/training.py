"""Rules of training jobs."""

from __future__ import annotations

from sagespec.diagnostics.rules.rule import Rule

RULES = (
    Rule(
        "duplicate-channel",
        "error",
        "Duplicate input channel",
        "Two input channels have the same name, and so the same folder in the container.",
        "Give one of them another `channel_name`.",
        "ModelTrainer",
        bad="""
            input_data_config:
              - {channel_name: train, data_source: s3://my-bucket/a}
              - {channel_name: train, data_source: s3://my-bucket/b}
            """,
        good="""
            input_data_config:
              - {channel_name: train, data_source: s3://my-bucket/a}
              - {channel_name: test, data_source: s3://my-bucket/b}
            """,
    ),
    Rule(
        "duplicate-name",
        "error",
        "Two entries of one name",
        "Instance groups and metrics are told apart by their names, instance preferences by their types.",
        "Give one of them another name, or leave it out.",
        "ModelTrainer",
        bad="""
            metric_definitions:
              - {name: loss, regex: "loss=([0-9.]+)"}
              - {name: loss, regex: "eval_loss=([0-9.]+)"}
            """,
        good="""
            metric_definitions:
              - {name: loss, regex: "loss=([0-9.]+)"}
              - {name: eval_loss, regex: "eval_loss=([0-9.]+)"}
            """,
    ),
    Rule(
        "unknown-group",
        "error",
        "Unknown instance group",
        "A channel names an instance group that `compute.instance_groups` does not have.",
        "Name a group that there is, or add one.",
        "ModelTrainer",
        bad="""
            compute:
              instance_groups: [{instance_type: ml.p4d.24xlarge, instance_count: 1, instance_group_name: gpu}]
            input_data_config:
              - {channel_name: train, data_source: {s3_uri: s3://my-bucket/a, instance_group_names: [gpus]}}
            """,
        good="""
            compute:
              instance_groups: [{instance_type: ml.p4d.24xlarge, instance_count: 1, instance_group_name: gpu}]
            input_data_config:
              - {channel_name: train, data_source: {s3_uri: s3://my-bucket/a, instance_group_names: [gpu]}}
            """,
    ),
    Rule(
        "bad-regex",
        "error",
        "Invalid regular expression",
        "The expression of a metric cannot be read, so the service would refuse it, or find nothing.",
        "Close brackets and groups, and write a backslash before characters that mean themselves.",
        "ModelTrainer",
        bad="""
            metric_definitions: [{name: loss, regex: "loss=([0-9.]+"}]
            """,
        good="""
            metric_definitions: [{name: loss, regex: "loss=([0-9.]+)"}]
            """,
    ),
    Rule(
        "volume-key",
        "warning",
        "Volume key beside local storage",
        """Instances with local storage encrypt it by a key of their own, and the service refuses `volume_kms_key_id`
        for them. It is a warning, since the list of such instances changes.""",
        "Leave `volume_kms_key_id` out, or choose another instance type.",
        "ModelTrainer",
        bad="""
            compute: {instance_type: ml.g5.xlarge, volume_kms_key_id: 1234abcd-12ab-34cd-56ef-1234567890ab}
            """,
        good="""
            compute: {instance_type: ml.m5.xlarge, volume_kms_key_id: 1234abcd-12ab-34cd-56ef-1234567890ab}
            """,
    ),
    Rule(
        "no-network",
        "warning",
        "Requirements without a network",
        "Network isolation keeps the container from the index of packages, so pip can install local files only.",
        "Put the packages into `source_dir` and name their files, or build them into the image.",
        "ModelTrainer",
        bad="""
            source_code: {source_dir: code, entry_script: train.py, requirements: requirements.txt}
            networking: {enable_network_isolation: true}
            """,
        good="""
            source_code: {source_dir: code, entry_script: train.py}
            networking: {enable_network_isolation: true}
            """,
    ),
    Rule(
        "no-wait",
        "warning",
        "Spot instances without a waiting time",
        "The service wants to know how long to wait for spot instances, and may refuse the job without.",
        "Give `stopping_condition.max_wait_time_in_seconds`, which counts the run as well.",
        "ModelTrainer",
        bad="""
            compute: {instance_type: ml.p4d.24xlarge, instance_count: 2, enable_managed_spot_training: true}
            stopping_condition: {max_runtime_in_seconds: 3600}
            """,
        good="""
            compute: {instance_type: ml.p4d.24xlarge, instance_count: 2, enable_managed_spot_training: true}
            stopping_condition: {max_runtime_in_seconds: 3600, max_wait_time_in_seconds: 7200}
            """,
    ),
    Rule(
        "quota",
        "warning",
        "Run longer than the usual quota",
        "Jobs may run for 5 days where the account's quota was not raised.",
        "Lower `max_runtime_in_seconds`, or have the quota raised.",
        "ModelTrainer",
        bad="stopping_condition: {max_runtime_in_seconds: 432001}",
        good="stopping_condition: {max_runtime_in_seconds: 432000}",
    ),
    Rule(
        "bad-degree",
        "error",
        "Degree of parallelism that does not fit",
        "The degrees of model parallelism exclude each other, or do not divide the number of processes.",
        "Choose degrees that fit the number of processes: nodes times processes on each.",
        "Torchrun",
        bad="smp: {tensor_parallel_degree: 2, expert_parallel_degree: 2}",
        good="smp: {tensor_parallel_degree: 2}",
    ),
    Rule(
        "no-efa",
        "warning",
        "Several nodes without EFA",
        "The instance type has no Elastic Fabric Adapter: its nodes talk over TCP, which is slow.",
        "Choose a type with EFA, such as ml.p4d.24xlarge, or one node.",
        "ModelTrainer",
        bad="""
            compute: {instance_type: ml.g4dn.xlarge, instance_count: 2}
            distributed: {ref: Torchrun/two}
            """,
        good="""
            compute: {instance_type: ml.p4d.24xlarge, instance_count: 2}
            distributed: {ref: Torchrun/two}
            """,
    ),
)
