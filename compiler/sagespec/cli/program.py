"""The main command, and how every command ends.

Commands are imported when they are called, so that `compile` does not import boto3 or rich.
"""

from __future__ import annotations

import gc
import importlib
import io
import os
import sys
import warnings
from typing import TextIO

import click

from sagespec import __version__
from sagespec.cli import exits, interrupts, output

COMMANDS = {
    "apply": "Submit compiled files, once.",
    "catalog": "List what a spec can choose from.",
    "compile": "Compile specs into reviewable JSON.",
    "completion": "Print what a shell needs to complete command lines.",
    "delete": "Delete a run, so that the same content can run again.",
    "describe": "Show all details of a job, execution or function.",
    "diff": "Show what a change of the specs would start.",
    "explain": "Explain a kind, a field or a rule.",
    "graph": "Draw specs and what they refer to, or the steps of a pipeline.",
    "iam-policy": "Print the least IAM permissions that compiled files need.",
    "init": "Write a starter spec, a project, or settings of an editor.",
    "list": "List jobs and evaluations of the account.",
    "lock": "Look up facts that only AWS knows.",
    "logs": "Show the logs of a job.",
    "lsp": "Start the language server, for editors.",
    "metrics": "Show what a training has logged at each step.",
    "mlflow-url": "Print a presigned URL of a job's MLflow app.",
    "plan": "Show what apply would do.",
    "policy": "Test the policies of a project.",
    "results": "Show the scores of an evaluation.",
    "run": "Run a training's drivers and script on this machine.",
    "sandbox": "Serve a local AWS endpoint for trials and tests.",
    "schema": "Print or write the JSON Schemas for editors.",
    "status": "Show the status of runs.",
    "stop": "Stop a job or an execution.",
    "validate": "Check specs without rendering them.",
    "verify": "Compare what really ran with the compiled file.",
    "wait": "Wait until runs have ended.",
}


GARBAGE = 50_000
"""Objects created between two garbage collections.

Most objects of a command, above all the models of AWS's services, live until its end. Collecting as often as Python
does by default took a tenth of the time of an apply.
"""


class _Lazy(click.Group):
    """A group of commands that are modules, each imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"sagespec.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        _describe(command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # the reader has closed the pipe, as `head` does: an incomplete result is a failure
            _forget(sys.stdout)
            return exits.INTERRUPTED

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from sagespec.diagnostics import nearest

            hint = nearest(args[0], COMMANDS)
            raise click.UsageError(f"no command {args[0]!r}" + (f": {hint}" if hint else ""), ctx)
        return super().resolve_command(ctx, args)


class _Context(click.Context):
    """A context whose help ends in examples and exit codes."""

    def get_help(self) -> str:
        from sagespec.cli import usage

        return "\n".join((super().get_help(), *usage.lines(self.command_path.partition(" ")[2])))


def _describe(command: click.Command) -> None:
    """Let the help of a command, and of those below it, end in examples and exit codes."""
    command.context_class = _Context
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        _describe(inner)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(version)s")
def cli() -> None:
    """Compile declarative SageMaker training and evaluation jobs, and apply them once."""


_describe(cli)


def run() -> int:
    """Run the command line and return its exit code; the user never sees a traceback."""
    enabled, threshold = gc.isenabled(), gc.get_threshold()
    shown, ignored = warnings.showwarning, sys.unraisablehook
    try:
        return _run()
    except OSError:  # stderr cannot be written either, so there is no message
        _forget(sys.stdout, sys.stderr)
        return exits.INVALID
    finally:  # restored for callers that continue, such as tests
        warnings.showwarning, sys.unraisablehook = shown, ignored
        gc.set_threshold(*threshold)
        (gc.enable if enabled else gc.disable)()


def _run() -> int:
    gc.set_threshold(GARBAGE)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name may contain what the terminal cannot show
    warnings.showwarning, sys.unraisablehook = output.warned, _unraisable
    try:
        code: object = cli.main(prog_name="sagespec", standalone_mode=False)
        _discard_unread()
    except SystemExit as ended:
        code = ended.code
    except KeyboardInterrupt:
        return _interrupted()
    except Exception as error:  # noqa: BLE001  the one place where a defect of ours becomes exit 70
        return _failed(error)
    return code if isinstance(code, int) else exits.DONE


def _interrupted() -> int:
    output.tell("interrupted")
    return exits.INTERRUPTED


def _failed(error: Exception) -> int:
    """Say why the command has failed; return its exit code."""
    if isinstance(error, click.Abort) or interrupts.is_behind(error):
        return _interrupted()
    if isinstance(error, click.ClickException):
        output.usage(error)
        return exits.USAGE
    if stop := exits.stop_by(error):
        output.error(str(stop), stop.hint, stop.more)
        return stop.code
    if isinstance(error, OSError):
        path = error.filename2 or error.filename
        if path is None and isinstance(error, FileNotFoundError):  # the working directory may have been deleted
            _say_what_is_gone(error)
            return exits.INVALID
        if path is None:
            _forget(sys.stdout)
        output.error(f"{os.fsdecode(path or 'output')}: {(error.strerror or str(error)).lower()}")
        return exits.INVALID
    output.tell(f"defect: {type(error).__name__}: {error} (report: {_report()})")
    return exits.DEFECT


def _say_what_is_gone(error: FileNotFoundError) -> None:
    try:
        os.getcwd()  # noqa: PTH109  only its error matters
    except OSError:
        output.error("the working directory does not exist any more", "change to an existing folder")
    else:
        output.error((error.strerror or str(error)).lower(), "set TMPDIR to a folder that can be written")


def _discard_unread() -> None:
    """Forget what the language server wrote for an editor that is gone; other commands have failed by then."""
    try:
        if sys.stdout and not sys.stdout.closed:
            sys.stdout.flush()
    except BrokenPipeError:  # the interpreter would try again at its end, and fail
        _forget(sys.stdout)


def _forget(*streams: TextIO | None) -> None:
    """Discard unwritten output, which the interpreter would try to write again at exit."""
    for stream in filter(None, streams):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _unraisable(ignored: sys.UnraisableHookArgs) -> None:
    """Print an exception that Python cannot raise, as in a destructor.

    An interrupt there ends the program at once.
    """
    if issubclass(ignored.exc_type, KeyboardInterrupt):
        os._exit(_interrupted())
    output.tell(f"warning: {ignored.exc_type.__name__}: {ignored.exc_value}")


def _report() -> str:
    """Write the traceback of a defect to a new file; return its name, or why there is none."""
    import tempfile  # importing these two takes a fifth of the start of a small compile
    import traceback

    try:
        with tempfile.NamedTemporaryFile("w", prefix="sagespec-", suffix=".txt", delete=False) as report:
            report.write(traceback.format_exc())
    except OSError as error:
        return f"none, {(error.strerror or str(error)).lower()}"
    return report.name
