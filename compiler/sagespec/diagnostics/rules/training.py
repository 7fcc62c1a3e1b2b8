"""Rules of single kinds: training jobs, agents and evaluations."""

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
    Rule(
        "bad-source",
        "error or warning",
        "Source that is not Lambda code",
        """The source is empty, cannot be read, is not Python code or does not define the handler. It is a warning
        where the code is in a file, which may be of a newer Python.""",
        "Correct the path, which is relative to the spec, or the code.",
        "CustomAgentLambda",
        bad="source: agents.py",
        good="source: agent.py",
    ),
    Rule(
        "bad-handler",
        "error",
        "Handler outside the code",
        "Code that is one file is archived as lambda_function.py, and the handler is in another module.",
        "Write lambda_function.<name of the function>.",
        "CustomAgentLambda",
        bad="handler: agent.handler",
        good="handler: lambda_function.handler",
    ),
    Rule(
        "bad-runtime",
        "error",
        "Runtime that does not run Python",
        "Code that is a single file is Python, and the runtime is of another language.",
        "Choose a Python runtime, or bring code of other languages as a .zip.",
        "CustomAgentLambda",
        bad="runtime: nodejs22.x",
        good="runtime: python3.12",
    ),
    Rule(
        "deprecated-runtime",
        "warning",
        "Deprecated Lambda runtime",
        "Lambda has deprecated the runtime, and may refuse to make new functions with it.",
        "Choose a newer runtime. The default is python3.12.",
        "CustomAgentLambda",
        bad="runtime: python3.8",
        good="runtime: python3.12",
    ),
    Rule(
        "bad-subtask",
        "error",
        "Unknown subtask",
        "The benchmark has no subtask of that name, or has no subtasks at all.",
        "Take a name of `sagespec catalog benchmarks`.",
        "BenchMarkEvaluator",
        bad="subtasks: [algebras]",
        good="subtasks: [algebra]",
    ),
    Rule(
        "nova-only",
        "error",
        "Benchmark for Nova models only",
        "The benchmark runs on Nova models only.",
        "Choose another benchmark, or a Nova model.",
        "BenchMarkEvaluator",
        bad="benchmark: mmmu",
        good="benchmark: math",
    ),
    Rule(
        "not-on-nova",
        "error",
        "Benchmark that Nova models cannot run",
        "The benchmark does not run on Nova models.",
        "Choose another benchmark, or another model.",
        "BenchMarkEvaluator",
        bad="""
            model: nova-textgeneration-lite-v2
            benchmark: llm_judge
            """,
        good="""
            model: nova-textgeneration-lite-v2
            benchmark: mmlu
            """,
    ),
    Rule(
        "judge-unusable",
        "error or warning",
        "Judge that cannot be used",
        "Bedrock has retired the judge, or it cannot be used in this region. To `sagespec lock` it is a warning.",
        "Choose another judge model, and run `sagespec lock`.",
        "LLMAsJudgeEvaluator",
        bad="evaluator_model: anthropic.claude-retired-v1:0",
        good="evaluator_model: anthropic.claude-sonnet-4-5-20250929-v1:0",
    ),
    Rule(
        "judge-on-nova",
        "error",
        "Judged Nova model",
        "Nova models are judged in another way, which sagespec does not support.",
        "Evaluate another model, or use BenchMarkEvaluator.",
        "LLMAsJudgeEvaluator",
        bad="model: nova-textgeneration-lite-v2",
        good="model: huggingface-reasoning-qwen3-4b",
    ),
    Rule(
        "no-metrics",
        "warning",
        "Judge without metrics",
        "Without any metric the judge has nothing to rate.",
        "Name metrics of `sagespec catalog judge-metrics`, or write custom ones.",
        "LLMAsJudgeEvaluator",
        bad="builtin_metrics: []",
        good="builtin_metrics: [Correctness]",
    ),
    Rule(
        "unknown-metric",
        "error or warning",
        "Unknown metric",
        """The evaluation does not measure the metric. It is a warning where the service, or an agent, may measure
        more than is known here.""",
        "Take one of the hint, or of `sagespec catalog judge-metrics`.",
        "LLMAsJudgeEvaluator",
        bad="builtin_metrics: [Correctnes]",
        good="builtin_metrics: [Correctness]",
    ),
    Rule(
        "no-comparison",
        "error",
        "Loss without a base model",
        "`maximum_loss` compares with the base model, which is not evaluated here.",
        "Set `evaluate_base_model: true`, or use `minimum`.",
        "BenchMarkEvaluator",
        bad="metadata: {name: bench, thresholds: [{metric: exact_match, maximum_loss: 0.1}]}",
        good="metadata: {name: bench, thresholds: [{metric: exact_match, minimum: 0.3}]}",
    ),
    Rule(
        "unknown-type",
        "warning",
        "Unknown type of hub content",
        "Hubs have no content of the type that the ARN says. The service may refuse it.",
        "Name the evaluator by its JsonDoc ARN, as it was registered.",
        "CustomScorerEvaluator",
        bad="evaluator: arn:aws:sagemaker:us-west-2:123456789012:hub-content/my-hub/Evaluator/scorer/0.0.1",
        good="evaluator: arn:aws:sagemaker:us-west-2:123456789012:hub-content/my-hub/JsonDoc/scorer/0.0.1",
    ),
    Rule(
        "pass-k",
        "warning",
        "pass@k beyond the group",
        "pass@k is computed within a group of samples, and k is more than the group has.",
        "Raise `eval_group_size`, or lower `pass_k_values`.",
        "MultiTurnRLEvaluator",
        bad="hyperparameters: {pass_k_values: [1, 8], eval_group_size: 4}",
        good="hyperparameters: {pass_k_values: [1, 4], eval_group_size: 4}",
    ),
    Rule(
        "no-data-mixing",
        "error or warning",
        "Data mixing without a recipe",
        """Nova data can be mixed in for some Nova models only. With `training_type: FULL` it is a warning: the
        percents are those of the LORA recipe.""",
        "Leave `data_mixing_config` out, or choose a Nova model that has a recipe for it.",
        "SFTTrainer",
        bad="data_mixing_config: {customer_data_percent: 70}",
        good="""
            model: nova-textgeneration-lite-v2
            data_mixing_config: {customer_data_percent: 70}
            """,
    ),
    Rule(
        "unknown-category",
        "error",
        "Unknown category of data",
        "The model's recipe for data mixing has no such category.",
        "Take a category of the hint.",
        "SFTTrainer",
        bad="""
            model: nova-textgeneration-lite-v2
            data_mixing_config: {customer_data_percent: 70, nova_data_percentages: {maths: 100}}
            """,
        good="""
            model: nova-textgeneration-lite-v2
            data_mixing_config: {customer_data_percent: 70, nova_data_percentages: {math: 100}}
            """,
    ),
    Rule(
        "bad-percents",
        "error",
        "Percents that do not sum to 100",
        "The categories share what is not your data, so together they are 100 percent of it.",
        "Correct the percents. Categories that are left out are 0.",
        "SFTTrainer",
        bad="""
            model: nova-textgeneration-lite-v2
            data_mixing_config: {customer_data_percent: 70, nova_data_percentages: {code: 40, math: 50}}
            """,
        good="""
            model: nova-textgeneration-lite-v2
            data_mixing_config: {customer_data_percent: 70, nova_data_percentages: {code: 40, math: 60}}
            """,
    ),
    Rule(
        "unlisted-region",
        "warning",
        "Region not known to train serverless",
        "The SageMaker Python SDK does not list the region for serverless training. Such lists become outdated.",
        "Choose a region of the hint if the service refuses this one.",
        "SFTTrainer",
        bad="region: eu-central-1",
        good="region: us-west-2",
    ),
    Rule(
        "two-rewards",
        "warning",
        "Two reward functions",
        "A function of yours and one of the recipe are both sent; the service chooses.",
        "Leave one of them out.",
        "RLVRTrainer",
        bad="""
            custom_reward_function: arn:aws:lambda:us-west-2:123456789012:function:reward
            hyperparameters: {preset_reward_function: gsm8k}
            """,
        good="""
            custom_reward_function: arn:aws:lambda:us-west-2:123456789012:function:reward
            hyperparameters: {max_epochs: 1}
            """,
    ),
    Rule(
        "wrong-reward",
        "error",
        "Evaluator of the other type",
        "Reward functions and reward prompts are registered alike, and the evaluator is of the other type.",
        "Name an evaluator of the type that the field takes.",
        "RLVRTrainer",
        bad="""
            custom_reward_function:
              arn:aws:sagemaker:us-west-2:123456789012:hub-content/AIRegistry/JsonDoc/my-prompt/1.0.0
            hyperparameters: {max_epochs: 1}
            """,
        good="""
            custom_reward_function:
              arn:aws:sagemaker:us-west-2:123456789012:hub-content/AIRegistry/JsonDoc/my-reward/1.0.0
            hyperparameters: {max_epochs: 1}
            """,
    ),
    Rule(
        "unknown-judge",
        "error",
        "Unknown judge",
        "The SageMaker Python SDK does not know the model as a judge of RLAIF in this region.",
        "Take one of the hint, or give any other model as the hyperparameter `judge_model_id`, after `bedrock/`.",
        "RLAIFTrainer",
        bad="reward_model_id: openai.gpt-oss-120b",
        good="reward_model_id: openai.gpt-oss-120b-1:0",
    ),
    Rule(
        "unknown-prompt",
        "error",
        "Unknown reward prompt",
        "The recipe has no such prompt, and none of that name is registered.",
        "Take one of the hint, or register the prompt, name it by its ARN or name, and run `sagespec lock`.",
        "RLAIFTrainer",
        bad="reward_prompt: builtin.summary",
        good="reward_prompt: builtin.summarize",
    ),
)
