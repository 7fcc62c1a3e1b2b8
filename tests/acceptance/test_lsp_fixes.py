"""Every fix that is offered mends: what it is offered for is gone, and no new error is at its place.

The mistakes are the golden cases, about a hundred mistakes in a project of eight specs, the examples of the rules,
and misspelt words of the example specs.
"""

from __future__ import annotations

import random
import shutil
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from sagespec.diagnostics import Diagnostic
from sagespec.diagnostics.rules import RULES
from sagespec.memory import Memory
from sagespec.project import boundary
from sagespec.reading import source
from sagespec.server import actions, examination
from sagespec.server.buffers import Buffers
from sagespec.server.examination import Examination
from sagespec.server.positions import Text

from tests.acceptance import test_mistakes, test_rules
from tests.conftest import LOCK, ROOT, copy_examples
from tests.golden import test_golden


class Mended(NamedTuple):
    """A fix, and what is wrong after it at its place."""

    case: str
    rule: str
    said: str
    new: str
    left: tuple[str, ...]


ONE_EDIT = {
    "bad-bucket",
    "bad-pattern",
    "bad-schema",
    "bad-subtask",
    "bad-value",
    "missing-fact",
    "non-text-key",
    "null-text",
    "out-of-range",
    "syntax",
    "unknown-category",
    "unknown-group",
    "unknown-hyperparameter",
    "unknown-judge",
    "unknown-key",
    "unknown-kind",
    "unknown-metric",
    "unknown-prompt",
    "unknown-ref",
    "unknown-value",
    "wrong-type",
    "wrong-ref",
}
"""Rules of which at least one hint is an edit."""
NOT_ONE_EDIT = {
    "what is wrong is not a word in the file, but a file, a folder, or the account": """
        unreadable encoding empty-file empty-folder no-spec too-many-files missing-file bad-file bad-name bad-source
        secret-upload large-upload no-lock refused-fact out-of-date second-document role-trust mlflow-version""",
    "the author must choose which of two to keep or to change": """
        duplicate-key duplicate-item exclusive-fields duplicate-tag duplicate-address duplicate-channel duplicate-name
        shared-output shared-function same-group two-rewards ref-cycle cyclic-value no-effect bad-output
        outside-project ref-elsewhere sequence-too-long save-steps pass-k volume-key no-network no-efa bad-degree""",
    "only the author knows what is meant": """
        absolute-path merge-key unknown-tag unknown-alias cyclic-alias bad-scalar too-deep too-large missing-field
        wrong-length reserved-key reserved-name reserved-tag value-in-key broken-ref arn-partition
        arn-region arn-account bucket-region bucket-account bad-key bad-image image-region service-managed bad-regex
        no-wait quota unchecked-hyperparameters no-recipe bad-handler bad-runtime deprecated-runtime nova-only
        not-on-nova judge-on-nova no-metrics unknown-type no-data-mixing bad-percents unlisted-region wrong-reward
        expired-exception unused-exception bad-policy no-comparison""",
    "an editor must not do it by itself: a licence, a secret, a model that may be retired": """
        eula plain-text-secret judge-unusable""",
    "the value that is meant may not be declared": "placeholder",
    "it is given on the command line": "unknown-environment",
    "only other commands see it": """
        policy job-schema aws api-missing-member api-unknown-member api-type api-pattern api-enum api-length api-range
        unknown-operation pipeline-limit pipeline-step-name pipeline-duplicate-step pipeline-trigger pipeline-cycle
        pipeline-unknown-step pipeline-unknown-parameter pipeline-unknown-property""",
}
"""Rules whose hints are no edits, and why. A new rule is in one of the two."""
HIDDEN = {
    ("non-text-key", "unknown-key"),
    ("syntax", "unknown-value"),
    ("wrong-type", "bad-pattern"),
    ("wrong-type", "missing-fact"),
}
"""Rules of fixes, and of second mistakes in the same word, which the first one hid."""


@pytest.mark.slow
def test_what_a_fix_is_for_is_gone_and_nothing_new_is_wrong_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memories = defaultdict[Path, Memory](Memory)
    found = [
        one
        for case, root, environment in situations(tmp_path, monkeypatch)
        for one in mended(case, boundary.real(root), environment, memories[root])
    ]
    wrong = [
        one
        for one in found
        if {left.partition(":")[0] for left in one.left} - {b for a, b in HIDDEN if a == one.rule}
    ]
    assert not wrong, "\n".join(map(str, wrong))
    assert {one.rule for one in found} == ONE_EDIT
    second = {(one.rule, left.partition(":")[0]) for one in found for left in one.left}
    assert second == HIDDEN


def test_every_rule_has_a_fix_or_a_reason_for_none() -> None:
    listed = [id for ids in NOT_ONE_EDIT.values() for id in ids.split()]
    assert sorted([*listed, *ONE_EDIT]) == sorted(RULES)


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Memory]:
    """The examples as a project, and what was found of those that no mistake is put in."""
    root = boundary.real(tmp_path_factory.mktemp("examples"))
    copy_examples(root)
    shutil.copy(ROOT / "sagespec.yaml", root)
    return root, Memory()


@pytest.mark.parametrize("name", sorted(file.name for file in (ROOT / "specs").glob("*.yaml")))
def test_a_misspelt_word_of_an_example_is_mended(examples: tuple[Path, Memory], name: str) -> None:
    root, memory = examples
    chance = random.Random(name)
    right = (root / "specs" / name).read_text("utf-8")
    text = Text(name, right, "utf-16")
    keys = [span for one in source.load(name, right.encode())[0] for span in one.keys.values()]
    ends = [(text.offset_of(*span[:2]), text.offset_of(*span[2:])) for span in keys]
    tried = 0
    for start, end in chance.sample(ends, min(6, len(ends))):
        word = right[start:end]
        for quote in ("", "'", '"'):
            wrong = right[:start] + f"{quote}{word[:-1]}{word[-1] * 2}{quote}" + right[end:]
            before = examination.examine(root, Buffers({root / "specs" / name: wrong.encode()}), "prod", memory)
            shown = Text(name, wrong, "utf-16")
            for d in (one for one in before.diagnostics if shown.offset_of(one.line, one.column) == start):
                for fix in actions.fixes(d, shown):
                    tried += 1
                    mended = wrong[: fix.start] + fix.new + wrong[fix.end :]
                    assert fix.is_preferred
                    assert mended == right[:start] + f"{quote}{word}{quote}" + right[end:]
    assert tried > 2


def situations(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path, str | None]]:
    """Yield projects with mistakes, each in a folder, and the environment to check it in."""
    for name in test_golden.cases("err"):
        case = test_golden.HERE / "err" / name
        test_golden._project(case, folder / name)
        given = test_golden._arguments(case)
        yield name, folder / name, given[given.index("-e") + 1] if "-e" in given else None
    root = folder / "misspelt"
    (root / "specs").mkdir(parents=True)
    (root / "sagespec.yaml").write_text(test_rules.PROJECT, "utf-8")
    (root / "specs" / "two.yaml").write_text(test_rules.of_kind("Torchrun").replace("2", "${epoch}"), "utf-8")
    yield "a misspelt value", root, "prod"
    root = folder / "mistakes"
    (root / "specs" / "code").mkdir(parents=True)
    shutil.copyfile(LOCK, root / LOCK.name)
    (root / "specs" / "code" / "train.py").write_text("print(1)\n", "utf-8")
    (root / "specs" / "agent.py").write_text("def handler(event, context): return 1\n", "utf-8")
    for mistake in test_mistakes.mistakes():
        test_mistakes.write(root, {**test_mistakes.files(), mistake.letter: mistake.text})
        yield mistake.name, root, None
    for id in sorted(set(RULES) - set(test_rules.NOT_RUN)):
        root = folder / "rules" / id
        (root / "specs").mkdir(parents=True)
        shutil.copy(LOCK, root)
        patch.chdir(root)
        test_rules.prepare(root)
        test_rules.BY_HAND.get(id, partial(test_rules.put, RULES[id].where))(RULES[id].bad)
        yield f"example of {id}", root, "prod" if id == "cyclic-value" else None


def mended(case: str, root: Path, environment: str | None, memory: Memory) -> Iterator[Mended]:
    """Apply each fix of a project by itself, and check again."""
    before = examination.examine(root, Buffers(), environment, memory)
    for d in before.diagnostics:
        text = Text(d.file, before.texts.get(d.file, ""), "utf-16")
        for fix in actions.fixes(d, text):
            changed = text.text[: fix.start] + fix.new + text.text[fix.end :]
            after = examination.examine(root, Buffers({root / d.file: changed.encode()}), environment, memory)
            yield Mended(case, d.rule, f"{d.message}; {d.hint}", fix.new, tuple(wrong(before, after, d, fix)))


def wrong(before: Examination, after: Examination, d: Diagnostic, fix: actions.Fix) -> Iterator[str]:
    """Yield what is still wrong at the place of a fix, or is wrong there since."""
    text = Text(d.file, after.texts[d.file], "utf-16")
    known = {(one.file, one.rule, one.message) for one in before.diagnostics}
    for one in after.diagnostics:
        start = text.offset_of(one.line, one.column)
        here = one.file == d.file and fix.start <= start <= fix.start + len(fix.new)
        same = (one.rule, one.message) == (d.rule, d.message)
        if here and (same or (one.is_error and (one.file, one.rule, one.message) not in known)):
            yield f"{one.rule}: {one.message}"
