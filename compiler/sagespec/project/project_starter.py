"""Write the first files of a project: the project file, and what git, CI and pre-commit need to know of it.

In: a name, and where the project lies in its git work tree. Out: texts by file. Existing
files are not changed, except that lines are added to `.gitattributes`.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from sagespec import __version__
from sagespec.diagnostics.escapes import json_string
from sagespec.documents.compiled import API_VERSION
from sagespec.project import schema_files
from sagespec.project.settings import FILE, Project

REPOSITORY = "your-org/sagespec"
"""The repository of the action and the hooks of pre-commit on GitHub, which the reader replaces by its own."""

WORKFLOW = ".github/workflows/sagespec.yaml"
HOOKS = ".pre-commit-config.yaml"
ATTRIBUTES = ".gitattributes"
_PLAIN = re.compile(r"[A-Za-z][\w./-]*", re.ASCII)


def project_file(name: str) -> str:
    """Return a project file with comments on what it may hold."""
    return f"""\
# Folders, defaults and environments of the project. All fields: sagespec schema Project
apiVersion: {API_VERSION}
kind: Project
metadata:
  name: {name}  # part of every name that is created
# defaults:  # for all specs that do not say otherwise
#   account: "123456789012"
#   region: us-west-2
#   role: SageMakerRole
#   tags: {{team: my-team}}
# environments:  # chosen with -e; each has compiled files of its own
#   dev:
#     values: {{bucket: my-dev-bucket}}  # a spec uses it as ${{bucket}}
#   prod:
#     values: {{bucket: my-prod-bucket}}
"""


def attributes() -> list[str]:
    """Return the lines for `.gitattributes`: what we write has one line ending, and reviews fold it."""
    return [
        f"/{Project.output}/** text eol=lf linguist-generated",
        f"/{Project.lock} text eol=lf linguist-generated",
        f"/{schema_files.FOLDER}/** text eol=lf linguist-generated",
    ]


def with_attributes(given: str) -> str:
    """Add the lines that `.gitattributes` does not have yet."""
    have = {line.strip() for line in given.splitlines()}
    missing = [line for line in attributes() if line not in have]
    start = given if not given or given.endswith("\n") else given + "\n"
    return start + "".join(f"{line}\n" for line in missing)


def workflow(place: PurePosixPath) -> str:
    """Return a workflow of GitHub; `place` is the project's folder in the work tree.

    Pull requests are checked and get a comment on what they would start; it applies nothing.
    """
    project = f"          project: {_scalar(place / FILE)}\n" if place.parts else ""
    return f"""\
name: sagespec
on: pull_request
permissions: {{}}
concurrency:
  group: sagespec-${{{{ github.event.pull_request.number }}}}
  cancel-in-progress: true
jobs:
  review:
    runs-on: ubuntu-latest
    permissions:
      contents: read
      pull-requests: write  # for the comment
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0  # diff compares with the branch that this is to be merged into
          persist-credentials: false  # else the token lies in .git, for all that runs later
      - uses: {REPOSITORY}@v{__version__}  # your copy of sagespec's repository
        with:
          command: check diff
{project}"""


def hooks(place: PurePosixPath) -> str:
    """Return the configuration of pre-commit; `place` is the project's folder in the work tree."""
    args = f"\n        args: [--project, {_scalar(place / FILE)}]" if place.parts else ""
    return f"""\
repos:
  - repo: https://github.com/{REPOSITORY}
    rev: v{__version__}  # a tag of your copy of sagespec's repository
    hooks:
      - id: sagespec-validate{args}
      - id: sagespec-compile-check{args}
"""


def _scalar(path: PurePosixPath) -> str:
    """Write a path in YAML; a folder may have any name."""
    text = path.as_posix()
    return text if _PLAIN.fullmatch(text) else json_string(text)
