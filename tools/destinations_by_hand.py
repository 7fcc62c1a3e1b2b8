"""What `write_destinations` cannot learn from the examples: fields that change no request, and other valid values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

INSTEAD = {
    "apiVersion": "says which version of the spec language the document is in",
    "kind": "chooses what is made, and is the first part of the address",
    "metadata": "names the spec, and describes it",
    "metadata.name": "is the second part of the address, and part of every name that is created",
    "metadata.run": "counts in the identity alone: another number runs the same content again",
    "metadata.description": "tells people what the spec is for",
    "metadata.thresholds": "is what `results --check` and `wait` hold the results against",
    "spec.region": "is the region that the requests are sent to",
    "spec.mlflow_run_name": "does nothing: the request has no member for it",
    "spec.default_bucket": "does nothing here: the evaluation has no output without a path, and no uploads",
    "spec.default_bucket_prefix": "does nothing here: the evaluation has no output without a path, and no uploads",
    "spec.is_multimodal": "does nothing here: only an SFTTrainer has data_mixing_config",
    "spec.skip_reward_validation": "lets `apply` skip the trial of the reward function",
    "spec.accept_eula": "lets a gated model be used: without it such a spec does not compile",
    "spec.source_code.ignore_patterns": "decides which files of source_dir are uploaded",
    "spec.model_package_group": "does nothing here: the request has no member for it",
}
"""What fields do whose value is in no request, by path; what is below a path does the same."""
IDENTIFYING = {("kind",), ("metadata", "name"), ("spec", "region"), ("spec", "source_code", "ignore_patterns")}
"""Fields that are part of every identity by themselves, or decide what is uploaded."""
CONSTANT = {("apiVersion",), ("kind",), ("metadata",), ("metadata", "name"), ("spec", "region")}
"""Fields that are not tried with other values: those have one, are known to be part of the identity, or both."""
SYNONYMS: Mapping[str, tuple[Any, ...]] = {
    "model": ("meta-textgeneration-llama-3-2-1b-instruct", "nova-textgeneration-lite-v2"),
    "role": ("arn:aws:iam::123456789012:role/OtherRole",),
    "metric": ("accuracy_stderr", "Helpfulness", "eval/reward/std", "reward"),
    "benchmark": ("gpqa", "math"),
    "evaluator": ("prime_code", "prime_math"),
    "evaluator_model": ("amazon.nova-pro-v1:0",),
    "sequence_length": ("32K",),
    "job": ("finished-mtrl-job", "finished-sft-job"),
    "reward_model_id": ("qwen.qwen3-32b-v1:0", "qwen.qwen3-235b-a22b-2507-v1:0"),
    "subtasks": ("virology", "sociology"),
    "model_package_group": ("other-mpg", "nova-ft", "out-mpg"),
    "output_model_package_group": ("other-mpg",),
    "intermediate_checkpoint_model_package_group": ("other-mpg",),
    "reward_prompt": ("grader",),
    "source": ("files/other.py",),
    "source_dir": ("files/other",),
    "entry_script": ("other.py",),
    "requirements": ("other.txt",),
    "driver_dir": ("files/other",),
    "driver_script": ("other.sh",),
}
"""Other values of fields whose values must be known to the lock or to us."""
