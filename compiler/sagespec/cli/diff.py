"""`sagespec diff`: what a change of the specs would start, and why."""

from __future__ import annotations

import gc
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import click

from sagespec.cli import completing, exits, options, output
from sagespec.compiling import workspace
from sagespec.diagnostics.report import Line
from sagespec.executor.git import GitError, Repository
from sagespec.project import addresses, boundary
from sagespec.project.addresses import Unknown, WrongName
from sagespec.review import data, diff, markdown, refs, selection, text
from sagespec.review.entry import GROUPS, Review
from sagespec.review.refs import Base, UnknownRef

_AFTER = "sagespec.after"
"""Where the context keeps how many arguments stand after `--`: click takes that away."""


class _Diff(click.Command):
    """A command that knows which of its arguments stand after `--`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_AFTER] = len(args) - args.index("--") - 1 if "--" in args else 0
        return super().parse_args(ctx, args)


class _Groups(click.ParamType):  # type: ignore[type-arg]  # generic in its stubs alone
    """Groups of classes, separated by commas."""

    name = "groups"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> frozenset[str]:
        groups = frozenset(str(value).split(","))
        wrong = sorted(groups - {*GROUPS})
        return self.fail(f"{wrong[0]!r} is none of {', '.join(GROUPS)}", param, ctx) if wrong else groups


class _Copy(click.Path):
    """A file whose ending names a form of the result."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        file = Path(os.fsdecode(super().convert(value, param, ctx)))
        if file.suffix not in _FORMS:
            self.fail(f"{str(file)!r} ends in none of {', '.join(_FORMS)}", param, ctx)
        return file


_FORMS = {".txt": "text", ".md": "markdown", ".json": "json"}
"""The forms of the result by the endings of files."""


@click.command("diff", cls=_Diff)
@click.argument(
    "arguments",
    nargs=-1,
    metavar="[BASE] [ADDRESS|GLOB]...",
    shell_complete=completing.offering(completing.addresses, "file"),
)
@options.PROJECT
@options.ENVIRONMENT
@click.option("--all-envs", is_flag=True, help="Every environment of the project.")
@click.option("--region", metavar="REGION", help="Region of specs and projects that name none.")
@options.forms("text", "markdown", "json")
@click.option(
    "--save",
    "copies",
    metavar="FILE",
    type=_Copy(dir_okay=False),
    multiple=True,
    help="Write it to a file as well, in the form of its ending: .txt, .md or .json; may be repeated.",
)
@click.option("--only", type=_Groups(), metavar="GROUPS", help=f"Of {','.join(GROUPS)}, those to show.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 6 when something would start.")
@click.option(
    "--max-chars", type=click.IntRange(1000), default=60_000, show_default=True, help="Length of the Markdown."
)
@click.option("--verbose", is_flag=True, help="Show every change of every spec.")
@click.pass_context
def command(
    context: click.Context,
    arguments: tuple[str, ...],
    project_file: Path | None,
    environment: str | None,
    all_envs: bool,
    region: str | None,
    form: str,
    copies: tuple[Path, ...],
    only: frozenset[str] | None,
    detailed_exitcode: bool,
    max_chars: int,
    verbose: bool,
) -> int:
    """Show what a change of the specs would start, and why, against a commit. Nothing is asked of AWS.

    BASE is a ref of git; by default the commit where this branch left the one that it is to be merged into, else
    HEAD. Addresses go after `--` where git has a ref of that name.

    \b
    >   starts                 <-  starts after another      >r  renamed, starts
    ~   starts nothing         =   back to what has run      -   gone   !   does not compile
    """
    gc.disable()  # as for `compile`
    if all_envs and environment:
        raise click.UsageError("--env and --all-envs exclude each other")
    settings = options.settings(environment, (), project_file, "text", None)
    root = boundary.work_tree(settings.project.root)
    if root is None:
        raise exits.Stop(f"{settings.project.root} is in no work tree of git", exits.USAGE)
    after = context.meta[_AFTER]
    repository = Repository(root)
    try:
        repository.check()
    except GitError as error:
        raise exits.Stop(str(error), exits.USAGE) from None
    base, patterns = _base(repository, arguments, after)
    may_be_ref = patterns == arguments and not after  # no argument was a ref
    environments: list[str | None] = [*settings.project.environments()] if all_envs else []
    reviews, failed, known = [], False, set()
    for name in environments or [environment]:
        made, was_invalid, addresses = _review(repository, base, name, project_file, region)
        reviews.append(made)
        failed |= was_invalid
        known |= addresses
    wanted = [
        address for pattern in patterns for address in _meant(pattern, known, may_be_ref and pattern == patterns[0])
    ]
    shown = [selection.select(made, wanted, only or ()) for made in reviews]
    for file in copies:
        saved = output.content(_lines(shown, _FORMS[file.suffix], max_chars, verbose))
        options.write(file, saved, project_file)
    _show(shown, form, max_chars, verbose)
    if failed:
        return exits.INVALID
    starting = any(entry.starts for made in shown for entry in made.counted)
    return exits.PENDING if detailed_exitcode and starting else exits.DONE


def _meant(pattern: str, known: Collection[str], may_be_ref: bool) -> list[str]:
    """Return the addresses that a pattern means; exit 2 where it means none."""
    try:
        return addresses.meant(pattern, known)
    except WrongName as error:
        neither = may_be_ref and isinstance(error, Unknown)
        message = f"git has no ref {pattern!r}, and no spec has this address" if neither else str(error)
        raise exits.Stop(message, exits.USAGE, error.hint) from None


def _base(repository: Repository, arguments: Sequence[str], after: int) -> tuple[Base, Sequence[str]]:
    """What to compare with, and the addresses asked for; exit 2 where there is no such commit."""
    is_before = len(arguments) > after
    if is_before and (base := refs.given(repository, arguments[0])) is not None:
        return base, arguments[1:]
    try:
        return refs.default(repository, os.environ), arguments
    except UnknownRef as error:
        raise exits.Stop(str(error), exits.USAGE, error.hint) from None


def _review(
    repository: Repository, base: Base, environment: str | None, project_file: Path | None, region: str | None
) -> tuple[Review, bool, set[str]]:
    """Review one environment: also whether its specs are invalid, and the addresses that there are."""
    settings = options.settings(environment, (), project_file, "text", None)
    done = workspace.compile(options.check(settings, (), region))
    root = settings.project.root
    options.show(done.diagnostics, done.checked.texts, root)
    options.tell_following(done.following, done.diagnostics)
    try:
        made = diff.review(repository, base.name, base.commit, done)
    except GitError as error:
        raise exits.Stop(str(error), exits.USAGE) from None
    if stale := diff.stale(done):
        files = "file on disk is" if stale == 1 else "files on disk are"
        output.tell(f"warning: {stale} compiled {files} out of date: run `sagespec compile` before you commit")
        made = made._replace(stale=stale)
    known = {*done.checked.targets, *done.checked.resolved, *(entry.address for entry in made.entries)}
    return made, done.failed, known


def _show(reviews: Sequence[Review], form: str, max_chars: int, verbose: bool) -> None:
    lines = _lines(reviews, form, max_chars, verbose)
    if form == "text":
        output.result(*lines)
    else:
        output.file(output.content(lines))


def _lines(reviews: Sequence[Review], form: str, max_chars: int, verbose: bool) -> Sequence[Line]:
    """Return the result in a form; that of several environments one after another, in JSON as a list."""
    if form == "json":
        documents = [data.of(one) for one in reviews]
        return output.json_text(documents[0] if len(documents) == 1 else documents).split("\n")
    if form == "markdown":
        most = (max_chars + 1) // len(reviews) - 1  # between two of them is an empty line
        return "\n".join(markdown.write(one, most) for one in reviews).removesuffix("\n").split("\n")
    return [line for one in reviews for line in text.lines(one, verbose)]
