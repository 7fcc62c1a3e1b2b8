"""What commands that call AWS share: project and AWS session of their options, and the exit codes of failures."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from functools import cached_property, wraps
from pathlib import Path
from typing import Any

import click

from sagespec.cli import completing, exits, libraries, naming, options, output
from sagespec.compiling import workspace
from sagespec.executor import files, needs
from sagespec.executor.cloud import Cloud, CloudError
from sagespec.executor.files import File, InvalidFiles, Order
from sagespec.executor.metrics import MlflowMissing, MlflowTrouble, NoMetrics
from sagespec.executor.results import NoResults
from sagespec.executor.runs.run import NotOurs, Target
from sagespec.executor.runs.targets import Late, UnknownTarget, of_file
from sagespec.executor.runs.targets import find as find_target
from sagespec.project.addresses import MOST_SHOWN
from sagespec.project.settings import Project, Settings
from sagespec.sagemaker import images

BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""The syntax of bucket names."""
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class _Seconds(click.FloatRange):
    """A number of seconds. NaN is refused: every range check of click accepts it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        seconds = super().convert(value, param, ctx)
        return self.fail(f"{value} is not a time.", param, ctx) if math.isnan(seconds) else seconds


SECONDS = _Seconds(0, 10_000_000)

OUTPUT = options.forms("text", "json")


@dataclass(frozen=True)
class Session:
    """The options of a command line: project and AWS. Each is opened when it is first used.

    A mistake in the project file ends the command in exit 1, with diagnostics.
    """

    environment: str | None = None
    profile: str | None = None
    region: str | None = None
    project_file: Path | None = None

    @cached_property
    def settings(self) -> Settings:
        """The project with the chosen environment."""
        return options.settings(self.environment, (), self.project_file, "text", None)

    @cached_property
    def project(self) -> Project:
        """The project; paths in compiled files are relative to its folder."""
        return options.settings(None, (), self.project_file, "text", None).project

    @cached_property
    def lock(self) -> dict[str, Any] | None:
        """The project's lock as data, which seeds the sandbox; None without one."""
        locked, diagnostics, texts = workspace.read_lock(self.project)
        if any(d.is_error for d in diagnostics):
            options.show(diagnostics, texts, self.project.root)
            sys.exit(exits.INVALID)
        return {"contexts": locked.contexts} if locked else None

    @cached_property
    def cloud(self) -> Cloud:
        """AWS with the profile and region of options and environment; boto3 does not read these two variables."""
        libraries.listen()
        return Cloud(self.profile, self.region or os.environ.get("SAGEMAKER_REGION") or os.environ.get("AWS_REGION"))

    @cached_property
    def regional(self) -> Cloud:
        """AWS in the region of --region, else of the project."""
        return replace(self, region=self.region or self.settings.region).cloud

    def write(self, file: Path, content: bytes) -> None:
        """Write a file that an option names, atomically; exit 2 where that fails or a link leads outside."""
        options.write(file, content, self.project_file)

    def order(self, paths: Sequence[Path]) -> Order:
        """Read the compiled files that are named, or all; exit 1 where --region is not theirs."""
        chosen = self._paths([str(path) for path in paths]) if paths else [self.settings.output]
        _check_there(chosen)
        with trouble():
            loaded = files.read(chosen)
        regions = {file.content.region for file in loaded.files.values()}
        if self.region is not None and regions - {self.region}:
            message = f"compiled for {', '.join(sorted(regions))}, but --region is {self.region}"
            raise exits.Stop(message, exits.INVALID)
        return loaded

    def _paths(self, words: Sequence[str]) -> list[Path]:
        """Find the compiled files that words name, up to date where a word is a spec file."""
        named = naming.compiled(words, self.settings, self.region, must_be_fresh=True)
        for other in named.others:
            naming.refuse(other, self.settings)
        return named.paths

    def chosen(self, words: Sequence[str]) -> tuple[list[File], dict[str, File]]:
        """Return the compiled files that words name, all of the environment without words, and every file by address.

        Exits with 2 for a word that names none.
        """
        wanted, known, others = self._named(words, must_be_fresh=True)
        for other in others:
            naming.refuse(other, self.settings)
        return wanted, known

    def compiled(self, targets: Sequence[str]) -> tuple[list[File], dict[str, File], list[str]]:
        """Return the compiled files that targets name, every file by address, and the other targets.

        Without targets these are all files of the environment.
        """
        return self._named(targets, must_be_fresh=False)

    def _named(self, words: Sequence[str], must_be_fresh: bool) -> tuple[list[File], dict[str, File], list[str]]:
        if "" in words:
            raise click.UsageError("a TARGET is empty")
        output_folder = self.settings.output
        if not words:
            _check_there([output_folder])
        known = files.read([output_folder]).files if output_folder.is_dir() else {}
        if not words:
            return [f for f in known.values() if f.target], known, []
        named = naming.compiled(words, self.settings, self.region, must_be_fresh=must_be_fresh)
        given = files.read(named.paths) if named.paths else Order()
        return given.targets(), {**known, **given.files}, named.others

    def targets(self, names: Sequence[str], may_be_new: bool = False) -> dict[str, Target]:
        """Resolve words to targets: what compiled files have run, jobs, ARNs; `may_be_new` waits for late ones.

        Files that run nothing are left out where a folder, a glob or a spec file names others too.
        Raises UnknownTarget, CloudError.
        """
        wanted, known, others = self.compiled(names)
        late = Late(output.tell) if may_be_new else None
        running = [file for file in wanted if file.requests or any(naming.names(name, file) for name in names)]
        found = {file.address: of_file(self.regional, file, late) for file in running}
        return found | {name: find_target(self.regional, name, known, late) for name in others}

    def find_one(self, name: str, may_be_new: bool = False) -> Target:
        """Find the single target of a word.

        Raises UnknownTarget, CloudError.
        """
        wanted, known, others = self.compiled([name])
        late = Late(output.tell) if may_be_new else None
        if len(wanted) > 1:
            shown = ", ".join(sorted(file.address for file in wanted)[:MOST_SHOWN])
            message = f"{name} has {len(wanted)} compiled files: name one of them"
            raise exits.Stop(message, exits.INVALID, f"{shown}{', ...' if len(wanted) > MOST_SHOWN else ''}")
        return find_target(self.regional, name, known, late) if others else of_file(self.regional, wanted[0], late)

    @contextmanager
    def endpoint(self, use_sandbox: bool, order: Order) -> Iterator[None]:
        """Run a block in a sandbox that holds what the files need, where --sandbox asks for one."""
        if not use_sandbox:
            yield
            return
        try:
            from sagespec import sandbox
        except ImportError:
            raise exits.Stop("the sandbox needs `pip install 'sagespec[sandbox]'`", exits.USAGE) from None
        existing: dict[str, list[str]] = {}
        for file in order.files.values():
            existing.setdefault(file.content.region, []).extend(_needed(file))
        with sandbox.isolated(), sandbox.start(self._facts_for(order), existing=existing) as running:
            output.tell(f"sandbox at {running.url}")
            with sandbox.isolated(running.environment()):
                yield

    def _facts_for(self, order: Order) -> dict[str, Any] | None:
        """Return the lock with the accounts of the files alone: a sandbox is one account, the first of its facts."""
        accounts = {file.content.account for file in order.files.values()}
        known = (self.lock or {}).get("contexts", {})
        theirs = {key: facts for key, facts in known.items() if key.partition("/")[0] in accounts}
        return {"contexts": theirs} if theirs else self.lock


def opened(command: Callable[..., int]) -> Callable[..., int]:
    """Add --profile, --region, -e and --project to a command, which gets them as a Session."""

    @options.PROJECT
    @click.option("--region", metavar="REGION", help="Region, where the files do not say.")
    @click.option("--profile", metavar="NAME", help="Profile of the AWS configuration.")
    @options.ENVIRONMENT
    @wraps(command)
    def given(
        environment: str | None, profile: str | None, region: str | None, project_file: Path | None, **others: Any
    ) -> int:
        return command(Session(environment, profile, region, project_file), **others)

    return given


def on_target(command: Callable[..., int]) -> Callable[..., int]:
    """Add the argument TARGET to a command, which gets the session and the target."""

    @click.argument("target", shell_complete=completing.offering(completing.addresses, "file"))
    @opened
    @wraps(command)
    def given(opened: Session, target: str, **others: Any) -> int:
        with trouble():
            return command(opened, opened.find_one(target), **others)

    return given


def _check_there(paths: Iterable[Path]) -> None:
    for path in paths:
        if not path.exists():
            way = "" if path.suffix in naming.SPEC_ENDINGS else "; run `sagespec compile` first"
            raise exits.Stop(f"{path}: no such file or folder{way}", exits.INVALID, naming.home_hint(path))


@contextmanager
def trouble() -> Iterator[None]:
    """Turn failures into exits: of AWS into exit 3, of files and targets into exit 1, each with cause and hint."""
    try:
        yield
    except InvalidFiles as error:
        raise exits.Stop(error.reasons[0], exits.INVALID, more=error.reasons[1:]) from None
    except NotOurs as error:
        raise exits.Stop(str(error), exits.INVALID, error.hint, error.others) from None
    except (UnknownTarget, NoMetrics, NoResults) as error:
        raise exits.Stop(str(error), exits.INVALID) from None
    except MlflowMissing as error:
        raise exits.Stop(str(error), exits.USAGE) from None
    except (CloudError, MlflowTrouble) as error:
        raise exits.Stop(str(error), exits.AWS, error.hint) from None


def _needed(file: File) -> Iterator[str]:
    """Return what a file needs in the account, in the sandbox's notation; model packages come from the lock."""
    for need in needs.of(file):
        if need.sort in ("bucket", "own bucket"):
            if BUCKET.fullmatch(need.name):
                yield f"s3://{need.name}"
        elif need.sort == "image":
            if images.parse(need.name):  # images of other registries are not checked
                yield need.name
        elif need.sort != "package":
            yield need.name


def moment(text: str | None, now: datetime, option: str) -> datetime | None:
    """Read a time, ISO 8601 or an age such as 90s, 10m, 2h or 3d."""
    if text is None:
        return None
    try:
        if age := re.fullmatch(r"(\d+)([smhd])", text):
            seconds = int(age[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[age[2]]
            time = now - timedelta(seconds=seconds)
        else:
            time = datetime.fromisoformat(text.replace("Z", "+00:00"))
        time = time.astimezone(timezone.utc) if time.tzinfo else time.replace(tzinfo=timezone.utc)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is neither ISO 8601 nor an age such as 10m or 2h", param_hint=option
        ) from None
    except OverflowError:
        raise click.BadParameter(f"{text!r} is out of range", param_hint=option) from None
    if time < _EPOCH:
        raise click.BadParameter(f"{text!r} is before 1970", param_hint=option)
    return time


def confirm(question: str, yes: bool) -> None:
    """Ask on a terminal; without one --yes is required."""
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():  # stdin may be closed
        raise click.UsageError("there is no terminal to ask on: give --yes")
    if not output.ask(question):
        raise click.Abort
