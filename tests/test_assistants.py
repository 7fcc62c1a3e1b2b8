"""What assistants read: within the forms that it must have, and true of the command line."""

from __future__ import annotations

import re

import click
import pytest
import yaml
from sagespec.cli.program import cli

from tests.conftest import ROOT
from tools import write_assistants

SKILL = write_assistants.skill()
LLMS = write_assistants.llms()
CHANGING = {"apply", "stop", "delete"}
"""The commands that start or end something at AWS."""


def test_the_skill_has_the_front_matter_that_assistants_look_for() -> None:
    """A name as the folder's, of 64 characters at most; a description of 1,024 at most."""
    _, front, body = SKILL.split("---\n", 2)
    matter = yaml.safe_load(front)
    assert matter.keys() == {"name", "description"}
    assert matter["name"] == "sagespec" == (ROOT / "skills" / "sagespec").name
    assert 0 < len(matter["description"]) <= 1024
    assert len(body.splitlines()) < 100


@pytest.mark.parametrize("called", sorted(set(re.findall(r"`sagespec ([^`]+)`", SKILL))))
def test_commands_of_the_skill_exist(called: str) -> None:
    command: click.Command = cli
    words = called.split()
    while words and isinstance(command, click.Group):
        found = command.get_command(click.Context(cli), words.pop(0))
        assert found
        command = found
    assert set(words) <= {option for parameter in command.params for option in parameter.opts}


def test_no_step_of_the_skill_starts_anything() -> None:
    steps = SKILL.partition("## Steps")[2]
    assert not CHANGING & set(re.findall(r"sagespec ([a-z-]+)", steps))
    forbidden = SKILL.partition("Never run")[2].partition("unless")[0]
    assert set(re.findall(r"`sagespec ([a-z-]+)`", forbidden)) == CHANGING


def test_the_list_of_pages_has_the_form_of_its_convention() -> None:
    """One title, then a quotation, then paragraphs, then sections of links only; llmstxt.org."""
    head, *sections = LLMS.split("\n## ")
    assert re.match(r"# \S.*\n\n> \S.*\n\n", head)
    assert len(sections) > 2
    for section in sections:
        name, *lines = section.strip().splitlines()
        assert name
        assert all(re.fullmatch(r"- \[[^\]]+\]\([^)]+\)(: \S.*)?", line) for line in lines if line), section


def test_every_page_is_listed_once_and_exists() -> None:
    links = re.findall(r"\]\(([^)]+)\)", LLMS)
    assert sorted(links) == sorted(set(links))
    assert all((ROOT / link).is_file() for link in links)
    assert {page.relative_to(ROOT).as_posix() for page in (ROOT / "docs").rglob("*.md")} <= set(links)
