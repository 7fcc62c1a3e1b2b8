"""Rules of fine-tuning and its rewards."""

from __future__ import annotations

from sagespec.diagnostics.rules.rule import Rule

RULES = (
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
