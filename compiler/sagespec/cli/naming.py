"""What the words of a command line name: compiled files or specs, by path, address, name or glob.

In: words and the project. Out: compiled files, or the addresses of specs and their files. A path that exists is a
path, whatever specs are called; `./x` is always a path. Refuses, with exit 2, words that name nothing and names that
several specs have; with exit 1, spec files whose compiled files are missing or out of date.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sagespec.cli import exits, options, output
from sagespec.compiling import outputs, workspace
from sagespec.compiling.workspace import Checked
from sagespec.project import addresses, boundary
from sagespec.project import files as spec_files
from sagespec.project.addresses import WrongName
from sagespec.project.settings import Settings

if TYPE_CHECKING:
    from sagespec.executor.files import File

SPEC_ENDINGS = (".yaml", ".yml")


def is_path(word: str) -> bool:
    """Return whether a word is meant as a path: it exists, or has the form of none but a path."""
    if Path(word).exists():
        return True
    if word.startswith("arn:"):
        return False
    looks = word.endswith((".json", *SPEC_ENDINGS)) or word.startswith((".", "~", os.sep)) or word.endswith(os.sep)
    return looks or ("/" in word and not addresses.is_address(word) and not addresses.is_glob(word))


def is_of_specs(path: Path, settings: Settings) -> bool:
    """Return whether a path that exists is a spec file, or a folder of the project's specs."""
    if path.is_dir() or path.suffix == ".json":
        return workspace.is_among_specs(path, settings.project)
    return path.suffix in SPEC_ENDINGS


def compiled_files(settings: Settings) -> dict[str, Path]:
    """List the compiled files of the environment by address, by their paths alone."""
    listed = sorted(settings.output.glob("*/*.json")) if settings.output.is_dir() else []
    return {f"{path.parent.name}/{path.stem}": path for path in listed}


def names(word: str, file: File) -> bool:
    """Return whether a word names one compiled file, and not several of which this is one."""
    if is_path(word):
        return Path(word).suffix == ".json" and Path(word).absolute() == file.path.absolute()
    return addresses.fits(file.address, word) and not addresses.is_glob(word)


class Words(NamedTuple):
    """Compiled files and folders that words mean, and the words that mean none."""

    paths: list[Path]
    others: list[str]


def compiled(words: Sequence[str], settings: Settings, region: str | None, *, must_be_fresh: bool) -> Words:
    """Find the compiled files and folders that words name.

    For a spec file these are the files of all its specs. One that is out of date is refused, or only told where it
    need not be fresh.
    """
    known: dict[str, Path] | None = None  # listed only for a word that needs it
    paths: list[Path] = []
    others: list[str] = []
    for word in words:
        path = Path(word)
        if is_path(word):
            exists = path.exists()
            paths += (
                _of_specs(path, settings, region, must_be_fresh) if exists and is_of_specs(path, settings) else [path]
            )
            continue
        if known is None:
            known = compiled_files(settings)
        try:
            paths += [known[address] for address in addresses.meant(word, known)]
        except addresses.Unknown:
            others.append(word)
        except WrongName as error:
            raise exits.Stop(str(error), exits.USAGE, error.hint) from None
    return Words(list({path.absolute(): path for path in paths}.values()), others)


def refuse(word: str, settings: Settings) -> None:
    """End the command for a word that no compiled file has: its spec was not compiled, or there is none."""
    known = listed(settings)
    try:
        address = addresses.meant(word, known)[0]
    except WrongName as error:
        hint = addresses.near(word, {*known, *compiled_files(settings)})
        raise exits.Stop(str(error), exits.USAGE, error.hint or hint) from None
    where = shown(settings.output / f"{address}.json")
    again = f"`sagespec compile{_option(settings)} {shown(known[address])}`"
    raise exits.Stop(f"{address} is not compiled: there is no {where}", exits.INVALID, f"run {again}, and review it")


def specs(words: Sequence[Path], settings: Settings, region: str | None) -> Checked:
    """Validate the specs that words name: files, folders, addresses, names, globs; without words, all specs."""
    named = [str(word) for word in words if not is_path(str(word))]
    paths = [word for word in words if is_path(str(word))]
    if not named:
        return options.check(settings, paths, region)
    known = listed(settings)
    chosen = {address for word in named for address in meant(word, known)}
    inside = listed(settings, paths) if paths else {}
    files = dict.fromkeys([*paths, *(known[address] for address in sorted(chosen))])
    return narrowed(options.check(settings, list(files), region), {*chosen, *inside})


def meant(word: str, known: Collection[str]) -> list[str]:
    """Return the addresses that a word means; exit 2 where it means none, or one of several."""
    try:
        return addresses.meant(word, known)
    except WrongName as error:
        raise exits.Stop(str(error), exits.USAGE, error.hint) from None


def narrowed(checked: Checked, chosen: Iterable[str]) -> Checked:
    """Leave out the other specs of files, and what is said of them alone."""
    kept = {*chosen}
    return replace(
        checked,
        targets=tuple(a for a in checked.targets if a in kept),
        diagnostics=tuple(d for d in checked.diagnostics if not d.address or d.address in kept),
        following=tuple(a for a in checked.following if a in kept),
        refused=tuple(a for a in checked.refused if a in kept),
    )


def listed(settings: Settings, paths: Sequence[Path] = ()) -> dict[str, Path]:
    """List the addresses of the specs in files, by default in those of the project, each with its file."""
    read, _ = spec_files.read(settings, spec_files.find(settings, paths))
    return {spec.address: settings.project.root / spec.source.file for spec in (*read.specs, *read.refused)}


def _of_specs(path: Path, settings: Settings, region: str | None, must_be_fresh: bool) -> list[Path]:
    """Return the compiled files of a spec file or a folder of them."""
    checked = options.check(settings, [path], region)
    done = workspace.compile(checked)
    own = listed(settings, [path])
    paths = {address: settings.output / f"{address}.json" for address in own}
    again = f"run `sagespec compile{_option(settings)} {shown(path)}`, and review what it writes"
    if absent := [paths[address] for address in paths if not paths[address].is_file()]:
        options.show(done.diagnostics, checked.texts, settings.project.root)
        more = [f"    there is no {shown(p)}" for p in absent[:5]] + (["    ..."] if len(absent) > 5 else [])
        where = f" for the environment {settings.environment}" if settings.environment else ""
        raise exits.Stop(f"{shown(path)} is not compiled{where}", exits.INVALID, again, more)
    if done.failed:
        options.show(done.diagnostics, checked.texts, settings.project.root)
        way = "correct it, or name its compiled files"
        _stale(f"{shown(path)} does not compile as it is now", way, must_be_fresh)
    made = [build.compiled for build in done.builds.values()]
    changed = [c.path for c in outputs.changes(made, settings.output, orphans=False) if c.word != "unchanged"]
    if changed:
        names = ", ".join(map(shown, changed[:3])) + (", ..." if len(changed) > 3 else "")
        _stale(f"{shown(path)} has changed since {names} was compiled", again, must_be_fresh)
    return [Path(os.path.relpath(p)) for p in paths.values()]


def _stale(message: str, hint: str, must_be_fresh: bool) -> None:
    if must_be_fresh:
        raise exits.Stop(message, exits.INVALID, hint)
    output.tell(f"warning: {message}: {hint}")


def _option(settings: Settings) -> str:
    return f" -e {settings.environment}" if settings.environment else ""


def shown(path: Path) -> str:
    """Return a path relative to the working directory, as users see it."""
    return Path(os.path.relpath(boundary.real(path) if path.is_absolute() else path)).as_posix()


def home_hint(path: Path) -> str:
    """Return what to write for a path that begins with `~`, which only shells replace."""
    if not str(path).startswith("~"):
        return ""
    return f"`~` is replaced by the shell, where it is not quoted: write {path.expanduser()}"
