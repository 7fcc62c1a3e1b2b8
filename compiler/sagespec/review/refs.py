"""Which commit a review compares with.

In: a ref, or the variables of a CI system. Out: a commit and what to call it. Refuses: refs that git does not know,
and a branch to merge into that is not there: to compare with anything else would hide what a change starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sagespec.executor.git import Repository

_GITHUB, _GITLAB = "GITHUB_BASE_REF", "CI_MERGE_REQUEST_DIFF_BASE_SHA"
VARIABLES = (_GITHUB, _GITLAB)
"""What CI systems say of what a change is to be merged into: a branch, and a commit."""


class UnknownRef(Exception):
    """There is nothing to compare with; the hint is the way out."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Base(NamedTuple):
    """A commit, and what it is called."""

    name: str
    commit: str


def given(repository: Repository, ref: str) -> Base | None:
    """The commit of a ref, where git resolves it."""
    commit = repository.commit(ref)
    return Base(ref, commit) if commit else None


def default(repository: Repository, environment: Mapping[str, str]) -> Base:
    """The merge base of HEAD with what it is to be merged into; HEAD where nothing says what that is.

    Raises UnknownRef.
    """
    head = repository.commit("HEAD")
    if head is None:
        raise UnknownRef("there is no commit to compare with yet", "commit the specs, or give a BASE")
    branch, commit = (environment.get(name, "") for name in VARIABLES)
    if branch:
        names = {f"origin/{branch}": f"refs/remotes/origin/{branch}", branch: f"refs/heads/{branch}"}
        found = ((name, repository.commit(ref)) for name, ref in names.items())
        name, other = next(((name, other) for name, other in found if other), (branch, None))
        return _merge_base(repository, name, other, head, _GITHUB)
    if commit:
        return _merge_base(repository, commit[:7], repository.commit(commit), head, _GITLAB)
    if other := repository.commit("refs/remotes/origin/HEAD"):
        return _merge_base(repository, "origin/HEAD", other, head, "")
    return Base("HEAD", head)


def _merge_base(repository: Repository, name: str, other: str | None, head: str, variable: str) -> Base:
    hint = (
        "fetch it with its history (in GitHub's checkout `fetch-depth: 0`, in GitLab `GIT_DEPTH: 0`), or give a BASE"
    )
    if other is None:
        raise UnknownRef(f"git has no commit of {name}, which {variable} names", hint)
    commit = repository.merge_base(other, head)
    if commit is None:
        raise UnknownRef(f"HEAD and {name} have no commit in common here", hint)
    return Base(name, commit)
