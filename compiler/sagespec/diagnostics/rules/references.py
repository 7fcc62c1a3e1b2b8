"""Rules of specs that refer to each other, or get into each other's way."""

from __future__ import annotations

from sagespec.diagnostics.rules.rule import Rule

RULES = (
    Rule(
        "duplicate-address",
        "error",
        "Duplicate address",
        "Two specs have the same kind and name (ignoring case), so they would have the same compiled file.",
        "Give one of them another name.",
        "spec",
        bad="""
            apiVersion: sagespec/v1
            kind: Torchrun
            metadata: {name: four}
            spec: {process_count_per_node: 4}
            ---
            apiVersion: sagespec/v1
            kind: Torchrun
            metadata: {name: four}
            spec: {process_count_per_node: 8}
            """,
        good="""
            apiVersion: sagespec/v1
            kind: Torchrun
            metadata: {name: four}
            spec: {process_count_per_node: 4}
            ---
            apiVersion: sagespec/v1
            kind: Torchrun
            metadata: {name: eight}
            spec: {process_count_per_node: 8}
            """,
    ),
    Rule(
        "unknown-ref",
        "error",
        "Reference to an unknown spec",
        "`ref` names an address, Kind/name, that no spec of the project has.",
        "Correct the address, or write the spec.",
        "ModelTrainer",
        bad="distributed: {ref: Torchrun/tow}",
        good="distributed: {ref: Torchrun/two}",
    ),
    Rule(
        "wrong-ref",
        "error",
        "Reference to a spec of the wrong kind",
        "The spec that `ref` names is of a kind that this field cannot refer to.",
        "Refer to a spec of a kind that the hint names.",
        "MultiTurnRLTrainer",
        bad="agent_env: {ref: Torchrun/two}",
        good="agent_env: {ref: CustomAgentLambda/agent}",
    ),
    Rule(
        "broken-ref",
        "error",
        "Reference to a spec with errors",
        "The spec that `ref` names has errors of its own, so this one cannot be compiled.",
        "Correct the errors of that spec first.",
        "ModelTrainer",
        bad="distributed: {ref: Torchrun/two}  # which is in another file, and has an error",
        good="distributed: {type: Torchrun, process_count_per_node: 2}",
    ),
    Rule(
        "ref-cycle",
        "error",
        "Cycle of references",
        "Specs refer to one another in a cycle, so that none of them can be compiled first.",
        "Remove one of the references.",
        "MultiTurnRLTrainer",
        bad="model: {ref: MultiTurnRLTrainer/trainer}  # this very spec",
        good="model: huggingface-reasoning-qwen3-32b",
    ),
    Rule(
        "ref-elsewhere",
        "error",
        "Reference to another account or region",
        "The spec that `ref` names runs in another account or region, where its result cannot be used from here.",
        "Give both specs the same `region`, and the same account in sagespec.yaml.",
        "MultiTurnRLTrainer",
        bad="""
            agent_env: {ref: CustomAgentLambda/agent}  # which runs in us-west-2
            region: us-east-1
            """,
        good="""
            agent_env: {ref: CustomAgentLambda/agent}
            region: us-west-2
            """,
    ),
    Rule(
        "shared-output",
        "warning",
        "Output path of two specs",
        "Two jobs write below the same path in S3, and would overwrite each other's files.",
        "Use ${spec.name} and ${spec.run} in the path.",
        "spec",
        bad="""
            apiVersion: sagespec/v1
            kind: MultiTurnRLTrainer
            metadata: {name: first}
            spec:
              model: huggingface-reasoning-qwen3-32b
              agent_env: myRuntime-aBcDeFgHiJ
              training_dataset: s3://my-bucket/train.jsonl
              s3_output_path: s3://my-bucket/shared
            ---
            apiVersion: sagespec/v1
            kind: MultiTurnRLTrainer
            metadata: {name: second}
            spec:
              model: huggingface-reasoning-qwen3-32b
              agent_env: myRuntime-aBcDeFgHiJ
              training_dataset: s3://my-bucket/train.jsonl
              s3_output_path: s3://my-bucket/shared
            """,
        good="""
            apiVersion: sagespec/v1
            kind: MultiTurnRLTrainer
            metadata: {name: first}
            spec:
              model: huggingface-reasoning-qwen3-32b
              agent_env: myRuntime-aBcDeFgHiJ
              training_dataset: s3://my-bucket/train.jsonl
              s3_output_path: s3://my-bucket/${spec.name}/${spec.run}
            """,
    ),
    Rule(
        "shared-function",
        "warning",
        "Function name of two specs",
        """Two specs make a Lambda function of the same name. A function is never changed once it is there, so the
        second fails if they differ.""",
        "Leave `function_name` out, or use ${spec.name} in it.",
        "spec",
        bad="""
            apiVersion: sagespec/v1
            kind: CustomAgentLambda
            metadata: {name: first}
            spec: {role: LambdaRole, source: agent.py, function_name: adapter}
            ---
            apiVersion: sagespec/v1
            kind: CustomAgentLambda
            metadata: {name: second}
            spec: {role: LambdaRole, source: agent.py, function_name: adapter}
            """,
        good="""
            apiVersion: sagespec/v1
            kind: CustomAgentLambda
            metadata: {name: first}
            spec: {role: LambdaRole, source: agent.py, function_name: "adapter-${spec.name}"}
            """,
    ),
)
