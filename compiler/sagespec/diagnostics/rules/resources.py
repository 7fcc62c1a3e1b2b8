"""Rules of facts from the lock, and of ARNs, buckets, images and models."""

from __future__ import annotations

from sagespec.diagnostics.rules.rule import Rule

RULES = (
    Rule(
        "no-lock",
        "error or warning",
        "Missing lock file",
        "The lock file that the project names is not there yet, so nothing of the account is known.",
        "Run `sagespec lock` with credentials of the account, and commit the file.",
        "sagespec.yaml",
        bad="lock: prod.lock.json  # there is no such file",
        good="lock: sagespec.lock.json",
    ),
    Rule(
        "missing-fact",
        "error or warning",
        "Fact that the lock does not have",
        "The spec needs something of the account that the lock does not hold: a model, role, agent or package.",
        "Correct the name, or run `sagespec lock`, which looks it up.",
        "CustomAgentLambda",
        bad="role: LambdaRoles",
        good="role: LambdaRole",
    ),
    Rule(
        "refused-fact",
        "error or warning",
        "Fact that could not be looked up",
        "`sagespec lock` needed something that AWS refused to tell, or could not tell.",
        "Give the credentials the permission that the message names, or wait and run `sagespec lock` again.",
        "MultiTurnRLTrainer",
        bad="role: Training  # and the credentials may not call iam:GetRole",
        good="role: arn:aws:iam::123456789012:role/Training",
    ),
    Rule(
        "arn-partition",
        "error",
        "ARN of another partition",
        "The ARN is of another partition, such as aws-cn, than the spec runs in. Partitions cannot reach each other.",
        "Name a resource of the partition in which the spec runs.",
        "MultiTurnRLTrainer",
        bad="kms_key_arn: arn:aws-cn:kms:cn-north-1:123456789012:key/k",
        good="kms_key_arn: arn:aws:kms:us-west-2:123456789012:key/k",
    ),
    Rule(
        "arn-region",
        "error",
        "ARN of another region",
        "The ARN is of another region than the spec runs in. The service looks for it in its own region.",
        "Name a resource of the region in which the spec runs, or change `region`.",
        "MultiTurnRLTrainer",
        bad="kms_key_arn: arn:aws:kms:eu-west-1:123456789012:key/k",
        good="kms_key_arn: arn:aws:kms:us-west-2:123456789012:key/k",
    ),
    Rule(
        "arn-account",
        "warning",
        "ARN of another account",
        "The ARN is of another account than the spec runs in. That works only where it was shared.",
        "Make sure that it was shared with this account, or name one of your own.",
        "MultiTurnRLTrainer",
        bad="kms_key_arn: arn:aws:kms:us-west-2:210987654321:key/k",
        good="kms_key_arn: arn:aws:kms:us-west-2:123456789012:key/k",
    ),
    Rule(
        "bad-bucket",
        "error or warning",
        "Impossible bucket name",
        """S3 does not allow a bucket of this name. In us-east-1 it is a warning, since some old buckets there break
        today's rules.""",
        "Correct the name of the bucket.",
        "MultiTurnRLTrainer",
        bad="training_dataset: s3://My_Bucket/train.jsonl",
        good="training_dataset: s3://my-bucket/train.jsonl",
    ),
    Rule(
        "bucket-region",
        "error or warning",
        "Bucket of another region",
        """The name of the bucket contains another region than the spec's: an error for buckets that SageMaker names,
        a warning for others.""",
        "Use a bucket of the region in which the spec runs.",
        "MultiTurnRLTrainer",
        bad="training_dataset: s3://sagemaker-eu-west-1-123456789012/train.jsonl",
        good="training_dataset: s3://sagemaker-us-west-2-123456789012/train.jsonl",
    ),
    Rule(
        "bucket-account",
        "warning",
        "Bucket of another account",
        "The name of the bucket contains another account than the spec's. That works only if the bucket was shared.",
        "Make sure that its policy admits this account, or use one of your own.",
        "MultiTurnRLTrainer",
        bad="training_dataset: s3://sagemaker-us-west-2-210987654321/train.jsonl",
        good="training_dataset: s3://sagemaker-us-west-2-123456789012/train.jsonl",
    ),
    Rule(
        "bad-key",
        "error",
        "Impossible S3 key",
        "The key of the S3 URI has more than 1,024 bytes in UTF-8, and S3 takes no more.",
        "Shorten the part of the URI after the bucket.",
        "MultiTurnRLTrainer",
        bad="training_dataset: s3://my-bucket/...  # where ... is 600 letters of two bytes each",
        good="training_dataset: s3://my-bucket/train.jsonl",
    ),
    Rule(
        "bad-image",
        "error",
        "Malformed image URI",
        "The text looks like an image of ECR, and is not one; or it has spaces.",
        "Write <account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>.",
        "ModelTrainer",
        bad="training_image: 123456789012.dkr.ecr.us-west-2.amazonaws.com/my image:1",
        good="training_image: 123456789012.dkr.ecr.us-west-2.amazonaws.com/my-image:1",
    ),
    Rule(
        "image-region",
        "error",
        "Image of another region",
        "SageMaker pulls ECR images from the region of the job only.",
        "Push the image to that region, or name the registry's replica there.",
        "ModelTrainer",
        bad="training_image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/my-image:1",
        good="training_image: 123456789012.dkr.ecr.us-west-2.amazonaws.com/my-image:1",
    ),
    Rule(
        "eula",
        "error or warning",
        "Licence that is not accepted",
        """The model is gated: its licence has to be accepted before it is trained or evaluated. It is a warning where
        the lock does not know whether it is gated.""",
        "Read the licence, then set `accept_eula: true`.",
        "MultiTurnRLTrainer",
        bad="model: meta-textgeneration-llama-3-3-70b-instruct",
        good="""
            model: meta-textgeneration-llama-3-3-70b-instruct
            accept_eula: true
            """,
    ),
    Rule(
        "no-recipe",
        "error or warning",
        "Model without a recipe",
        """The hub has no recipe for this model and technique. It cannot be trained by it; an evaluation goes on
        without the recipe's parameters.""",
        "Choose a model of `sagespec catalog models`. Run `sagespec lock` if the recipe is newer than the lock.",
        "MultiTurnRLTrainer",
        bad="model: huggingface-reasoning-qwen3-4b",
        good="model: huggingface-reasoning-qwen3-32b",
    ),
    Rule(
        "mlflow-version",
        "error",
        "MLflow app that is too old",
        "The account's default MLflow app has a version that this kind of job cannot write to.",
        "Name a newer app, or upgrade the default one and run `sagespec lock`.",
        "MultiTurnRLTrainer",
        bad="mlflow_experiment_name: agents  # the default app has version 3.4",
        good="mlflow_app_arn: arn:aws:sagemaker:us-west-2:123456789012:mlflow-app/app-NEWER",
    ),
    Rule(
        "same-group",
        "error",
        "One group for model and checkpoints",
        "The trained model and its checkpoints would go into the same model package group. The service refuses that.",
        "Name another group for one of them, or leave both out.",
        "MultiTurnRLTrainer",
        bad="""
            output_model_package_group: out-mpg
            intermediate_checkpoint_model_package_group: out-mpg
            """,
        good="""
            output_model_package_group: out-mpg
            intermediate_checkpoint_model_package_group: ckpt-mpg
            """,
    ),
    Rule(
        "unknown-hyperparameter",
        "error",
        "Unknown hyperparameter",
        "The recipe of this model and technique has no hyperparameter of that name.",
        "Take a name of `sagespec catalog hyperparameters MODEL`. Run `sagespec lock` where the recipe is newer.",
        "MultiTurnRLTrainer",
        bad="hyperparameters: {group_sise: 4}",
        good="hyperparameters: {group_size: 4}",
    ),
    Rule(
        "unchecked-hyperparameters",
        "warning",
        "Unchecked hyperparameters",
        "The lock has no recipe of this model, so its hyperparameters are sent without being checked.",
        "Run `sagespec lock`.",
        "MultiTurnRLTrainer",
        bad="""
            model: arn:aws:sagemaker:us-west-2:aws:hub-content/SageMakerPublicHub/Model/some-model/1.0.0
            accept_eula: true
            hyperparameters: {group_size: 4}
            """,
        good="""
            model: huggingface-reasoning-qwen3-32b
            hyperparameters: {group_size: 4}
            """,
    ),
    Rule(
        "service-managed",
        "warning",
        "Hyperparameter that the service sets",
        "The service fills this hyperparameter in itself, and may refuse a request that gives it.",
        "Delete it.",
        "MultiTurnRLEvaluator",
        bad="hyperparameters: {model_name: my-model}",
        good="hyperparameters: {temperature: 0.7}",
    ),
    Rule(
        "sequence-too-long",
        "error",
        "Sequence longer than the recipe's",
        "The longest prompt and the longest response together are more tokens than the recipe has room for.",
        "Lower `max_prompt_length` or `max_response_length`.",
        "MultiTurnRLTrainer",
        bad="hyperparameters: {max_prompt_length: 4096, max_response_length: 8192}  # the recipe's sequence is 8K",
        good="hyperparameters: {max_prompt_length: 4096, max_response_length: 4096}",
    ),
    Rule(
        "save-steps",
        "error",
        "Training that saves nothing",
        "`save_steps` is more than `max_steps`: the training would end before anything is saved.",
        "Lower `save_steps`, or raise `max_steps`.",
        "MultiTurnRLTrainer",
        bad="hyperparameters: {max_steps: 9, save_steps: 10}",
        good="hyperparameters: {max_steps: 100, save_steps: 10}",
    ),
)
