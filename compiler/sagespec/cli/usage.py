"""The end of every command's help: examples, and the exit codes that it has.

In: the path of a command, such as `catalog judges`. Out: lines of help. Imported only where somebody asks for help.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sagespec.cli import exits


class Usage(NamedTuple):
    """Examples as command lines with what they do, and the exit codes besides those of every command."""

    examples: tuple[tuple[str, str], ...]
    codes: tuple[int, ...] = ()


MEANINGS = {
    exits.DONE: "done",
    exits.INVALID: "specs, lock, compiled files or other input are wrong, missing or out of date",
    exits.USAGE: "wrong command line",
    exits.AWS: "AWS refused, or could not be reached",
    exits.FAILED: "a run failed, was stopped, or missed its thresholds",
    exits.TIMED_OUT: "timed out while waiting",
    exits.PENDING: "with --detailed-exitcode: there is something to do",
    exits.DEFECT: "a defect of sagespec; a report file is named",
    exits.INTERRUPTED: "interrupted",
}
ALWAYS = (exits.DONE, exits.INVALID, exits.USAGE, exits.DEFECT, exits.INTERRUPTED)
AWS = (exits.AWS,)

USAGES = {
    "": Usage(
        (
            ("sagespec init MultiTurnRLTrainer my-agent", "write a starter"),
            ("sagespec compile", "write what is reviewed"),
            ("sagespec apply --yes --wait", "run it, and follow it to its end"),
        ),
        (exits.AWS, exits.FAILED, exits.TIMED_OUT, exits.PENDING),
    ),
    "apply": Usage(
        (
            ("sagespec apply MultiTurnRLTrainer/my-agent --wait", "one spec, where what it depends on has run"),
            ("sagespec apply -e prod --yes", "everything of an environment, without a question"),
            ("sagespec apply --sandbox --yes --wait", "try it without an account"),
        ),
        (exits.AWS, exits.FAILED, exits.TIMED_OUT),
    ),
    "catalog": Usage(
        (
            ("sagespec catalog benchmarks mmlu", "one benchmark and its subtasks"),
            ("sagespec catalog models --technique MTRL", "models that can be trained so"),
        ),
        AWS,
    ),
    "catalog benchmarks": Usage(
        (
            ("sagespec catalog benchmarks", "all of them"),
            ("sagespec catalog benchmarks mmlu -o json", "one, with its subtasks"),
        )
    ),
    "catalog scorers": Usage(
        (
            ("sagespec catalog scorers", "the built-in scorers"),
            ("sagespec catalog scorers -o json", "the same, for programs"),
        )
    ),
    "catalog judge-metrics": Usage(
        (
            ("sagespec catalog judge-metrics", "what a judge can rate"),
            ("sagespec catalog judge-metrics -o json", "the same, for programs"),
        )
    ),
    "catalog hyperparameters": Usage(
        (
            ("sagespec catalog hyperparameters huggingface-reasoning-qwen3-32b", "of all recipes of a model"),
            (
                "sagespec catalog hyperparameters huggingface-reasoning-qwen3-32b --kind MultiTurnRLTrainer",
                "of one kind",
            ),
        )
    ),
    "catalog judges": Usage(
        (
            ("sagespec catalog judges", "the judges of all regions"),
            ("sagespec catalog judges --region us-west-2", "those of one region"),
        )
    ),
    "catalog reward-prompts": Usage(
        (
            ("sagespec catalog reward-prompts", "of all models in the lock"),
            ("sagespec catalog reward-prompts huggingface-reasoning-qwen3-32b", "of one model"),
        )
    ),
    "catalog models": Usage(
        (
            ("sagespec catalog models", "all models of the hub"),
            ("sagespec catalog models --technique SFT --region us-west-2", "those that a technique can train"),
        ),
        AWS,
    ),
    "catalog runtimes": Usage(
        (
            ("sagespec catalog runtimes", "those of the account"),
            ("sagespec catalog runtimes --profile prod -o json", "those of another account"),
        ),
        AWS,
    ),
    "compile": Usage(
        (
            ("sagespec compile -e prod", "all specs, for an environment"),
            ("sagespec compile MultiTurnRLTrainer/my-agent", "one spec"),
            ("sagespec compile --check", "in CI: are the compiled files up to date?"),
        )
    ),
    "completion": Usage(
        (
            ('eval "$(sagespec completion bash)"', "complete in this shell"),
            ("sagespec completion zsh", "print what zsh needs, for a file in its fpath"),
        )
    ),
    "delete": Usage(
        (
            ("sagespec delete MultiTurnRLTrainer/my-agent", "asks before it deletes"),
            ("sagespec delete my-agent-76d5fe11cee1 --yes", "a job by its name, without a question"),
        ),
        AWS,
    ),
    "describe": Usage(
        (
            ("sagespec describe my-agent", "what ran of a spec"),
            ("sagespec describe my-agent-76d5fe11cee1 -o json", "a job by its name, for programs"),
        ),
        AWS,
    ),
    "diff": Usage(
        (
            ("sagespec diff main", "against the branch main"),
            ("sagespec diff main -o markdown --all-envs", "as a comment for a pull request"),
            ("sagespec diff -- 'MultiTurnRLTrainer/*'", "of some specs"),
        ),
        (exits.PENDING,),
    ),
    "explain": Usage(
        (
            ("sagespec explain ModelTrainer.compute", "a field, and the fields below it"),
            ("sagespec explain unknown-hyperparameter", "a rule: why, and how to mend it"),
        )
    ),
    "graph": Usage(
        (
            ("sagespec graph -o svg", "all specs, as a picture"),
            ("sagespec graph MultiTurnRLTrainer/my-agent", "what a spec needs, and what needs it"),
        )
    ),
    "iam-policy": Usage(
        (
            ("sagespec iam-policy --for apply", "what apply needs for all compiled files"),
            ("sagespec iam-policy my-agent --for execution --explain", "each statement, with the lines that need it"),
            ("sagespec iam-policy --for execution --check-role", "have the roles of jobs all that they need?"),
        ),
        AWS,
    ),
    "init": Usage(
        (
            ("sagespec init MultiTurnRLTrainer my-agent", "write specs/MultiTurnRLTrainer-my-agent.yaml"),
            ("sagespec init SFTTrainer tone --stdout", "print it"),
            ("sagespec init Project", "write the project file, and what CI needs"),
        )
    ),
    "list": Usage(
        (
            ("sagespec list --status Failed --created-after 7d", "what failed in the last days"),
            ("sagespec list --kind MultiTurnRLTrainer --limit 5 -o json", "some of one kind, for programs"),
        ),
        AWS,
    ),
    "lock": Usage(
        (
            ("sagespec lock", "look up what is not known yet"),
            ("sagespec lock --upgrade MultiTurnRLTrainer/my-agent", "look up again what one spec uses"),
            ("sagespec lock --check", "has AWS changed?"),
        ),
        AWS,
    ),
    "logs": Usage(
        (
            ("sagespec logs my-agent --follow", "until it ends"),
            ("sagespec logs my-agent --since 10m", "the last lines"),
        ),
        AWS,
    ),
    "lsp": Usage(
        (
            ("sagespec lsp", "what an editor starts: it speaks on standard input and output"),
            ("sagespec lsp --help", "this text"),
        )
    ),
    "metrics": Usage(
        (
            ("sagespec metrics my-agent", "as a table"),
            ("sagespec metrics my-agent --plot metrics.png", "as a picture"),
        ),
        AWS,
    ),
    "mlflow-url": Usage(
        (
            ("sagespec mlflow-url my-agent", "of what ran of a spec"),
            ("sagespec mlflow-url my-agent-76d5fe11cee1 --region us-west-2", "of a job by its name"),
        ),
        AWS,
    ),
    "plan": Usage(
        (
            ("sagespec plan -e prod", "everything of an environment"),
            ("sagespec plan specs/graph.yaml", "the specs of a file"),
            ("sagespec plan --save plan.json", "for `sagespec apply plan.json`"),
        ),
        (exits.AWS, exits.PENDING),
    ),
    "policy": Usage(
        (
            ("sagespec policy test policies", "test the policies of a folder"),
            ("sagespec policy test --help", "how the folder is laid out"),
        )
    ),
    "policy test": Usage(
        (
            ("sagespec policy test policies", "policies, and files in good/ and bad/"),
            ("sagespec policy test .", "the same, in their folder"),
        )
    ),
    "results": Usage(
        (
            ("sagespec results my-benchmark", "the scores as a table"),
            ("sagespec results my-benchmark --check -o junit", "a gate in CI: do they meet the thresholds?"),
        ),
        (exits.AWS, exits.FAILED),
    ),
    "run": Usage(
        (
            ("sagespec run ModelTrainer/line", "on this machine, as one host"),
            ("sagespec run line --hosts 2 --processes 2", "as two hosts of two processes"),
        ),
        (exits.FAILED,),
    ),
    "sandbox": Usage(
        (
            ("sagespec sandbox --port 4566", "serve until Ctrl-C"),
            ("sagespec sandbox -- sagespec lock", "run a program against it, here without an account"),
        )
    ),
    "schema": Usage(
        (
            ("sagespec schema ModelTrainer", "of one kind"),
            ("sagespec schema --write .sagespec/schemas", "all of them, for editors"),
        )
    ),
    "status": Usage(
        (
            ("sagespec status", "of everything in the environment"),
            ("sagespec status 'MultiTurnRLTrainer/*' -o json", "of some specs, for programs"),
        ),
        AWS,
    ),
    "stop": Usage(
        (
            ("sagespec stop my-agent", "asks before it stops"),
            ("sagespec stop my-agent --yes", "without a question"),
        ),
        AWS,
    ),
    "validate": Usage(
        (
            ("sagespec validate", "all specs"),
            ("sagespec validate specs/graph.yaml --format github", "a file, with annotations for GitHub"),
            ("sagespec validate sagespec.yaml", "the project file"),
        )
    ),
    "verify": Usage(
        (
            ("sagespec verify my-agent", "has it run what was reviewed?"),
            ("sagespec verify compiled/MultiTurnRLTrainer/my-agent.json -o json", "the same, for programs"),
        ),
        AWS,
    ),
    "wait": Usage(
        (
            ("sagespec wait my-agent --timeout 3600", "until it ends, at most an hour"),
            ("sagespec wait my-agent --for InProgress", "until it has begun"),
        ),
        (exits.AWS, exits.FAILED, exits.TIMED_OUT),
    ),
}


def lines(path: str) -> Iterator[str]:
    """Yield the end of a command's help; nothing for a command without examples."""
    usage = USAGES.get(path)
    if usage is None:
        return
    yield ""
    yield "Examples:"
    for example, what in usage.examples:
        yield f"  {example}"
        yield f"      {what}"
    yield ""
    yield "Exit codes:"
    for code in sorted({*ALWAYS, *usage.codes}):
        yield f"  {code:<4} {MEANINGS[code]}"
