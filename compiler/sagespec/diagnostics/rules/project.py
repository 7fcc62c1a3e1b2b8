"""Rules of the project file, of values, and of the compiled files."""

from __future__ import annotations

from sagespec.diagnostics.rules.rule import Rule

RULES = (
    Rule(
        "second-document",
        "error",
        "Second document in a project file",
        "A project file holds one document.",
        "Move the others into files of their own.",
        "sagespec.yaml",
        bad="""
            output: compiled
            ---
            kind: Torchrun
            """,
        good="output: compiled",
    ),
    Rule(
        "bad-output",
        "error",
        "Output folder that holds specs",
        "The output folder would hold specs of the project, where compiling writes and removes files.",
        "Give compiled files a folder of their own.",
        "sagespec.yaml",
        bad="output: specs",
        good="output: compiled",
    ),
    Rule(
        "unknown-environment",
        "error",
        "Unknown environment",
        "The project file declares no environment of the name that was chosen with -e.",
        "Choose one that is declared under `environments`, or declare it.",
        "the command line",
        bad="sagespec compile -e production",
        good="sagespec compile -e prod",
    ),
    Rule(
        "unknown-value",
        "error",
        "Unknown value",
        "${name} is a value that is not defined, or that cannot be used there.",
        """Declare it under `values` of an environment in sagespec.yaml and choose that with -e, or give it with -D.
        Write $${ for the text ${.""",
        "MultiTurnRLTrainer",
        bad="training_dataset: s3://${bucket}/train.jsonl",
        good="training_dataset: s3://my-bucket/${spec.name}/train.jsonl",
    ),
    Rule(
        "cyclic-value",
        "error",
        "Value that contains itself",
        "Values use one another in a cycle, so none of them can be filled in.",
        "Write one of them out.",
        "sagespec.yaml",
        bad="environments: {prod: {values: {a: '${b}', b: '${a}'}}}",
        good="environments: {prod: {values: {a: '${b}', b: data}}}",
    ),
    Rule(
        "value-in-key",
        "error",
        "Value in a key",
        "A key holds ${name}. Values are filled into values only, so that the fields of a spec are known as written.",
        "Write the key out.",
        "ModelTrainer",
        bad="hyperparameters: {'${spec.name}': 1}",
        good="hyperparameters: {name: '${spec.name}'}",
    ),
    Rule(
        "out-of-date",
        "error or warning",
        "Compiled file that is out of date",
        """A compiled file is missing, stale or orphaned, or is not of this project: compiling would write another
        one. What was reviewed is then not what the specs say.""",
        "Run `sagespec compile`, review the difference and commit it. Delete files that are not of this project.",
        "a compiled file",
        bad="# compiled/Torchrun/two.json was written before its spec was changed",
        good="# `sagespec compile --check` ends with exit code 0",
    ),
    Rule(
        "bad-policy",
        "error or warning",
        "Policy that cannot be found",
        "A path under `policies` matches no file, leads out of the project or cannot be searched.",
        "Correct the path, which is relative to sagespec.yaml.",
        "sagespec.yaml",
        bad="policies: [polices/*.json]",
        good="policies: []",
    ),
    Rule(
        "bad-schema",
        "error or warning",
        "JSON Schema that cannot be used",
        """A policy, or a schema that the lock holds, is not a JSON Schema that can be checked: its draft is unknown,
        a keyword has the wrong type, or a pattern is one that cannot be checked.""",
        "Correct the policy at the marked line. Run `sagespec lock` for a schema of the lock.",
        "a policy",
        bad='{"type": "objct"}',
        good='{"type": "object"}',
    ),
    Rule(
        "policy",
        "error or warning",
        "Violated policy",
        "The compiled file does not fit one of the project's own policies, which the message names.",
        "Change the spec at the marked line, or have the policy changed by those who own it.",
        "ModelTrainer",
        bad="output_data_config: {s3_output_path: s3://my-bucket/output}  # a policy requires KmsKeyId",
        good="output_data_config: {s3_output_path: s3://my-bucket/output, kms_key_id: alias/training}",
    ),
)
