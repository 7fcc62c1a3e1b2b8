"""Where names lead, and what uses them."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types
from sagespec.server.navigation import definitions

from tests.unit.server.desk import FILES, LINE, PROJECT, Desk


def defined(desk: Desk, name: str, marked: str) -> list[tuple[str, str]]:
    found = definitions.definition(*desk.at(name, marked))
    return [desk.shown(types.Location(one.target_uri, one.target_selection_range)) for one in found]


def used(desk: Desk, name: str, marked: str, *, declared: bool) -> list[tuple[str, str]]:
    return [desk.shown(one) for one in definitions.references(*desk.at(name, marked), declared=declared)]


BUCKETS = [("sagespec.yaml", "bucket")] * 2


@pytest.mark.parametrize(
    ("name", "marked", "expected"),
    [
        ("specs/line.yaml", "{ref: 'Torch|run/two'", [("specs/torchrun.yaml", "two")]),
        ("specs/line.yaml", "{ref: 'Torchrun/two|'", [("specs/torchrun.yaml", "two")]),
        ("specs/line.yaml", "{r|ef: 'Torchrun/two'", [("specs/torchrun.yaml", "two")]),
        ("specs/torchrun.yaml", "name: t|wo", [("specs/torchrun.yaml", "two")]),
        ("specs/line.yaml", "${pa|th}", [("sagespec.yaml", '"path"'[1:-1])]),
        ("specs/line.yaml", "😀 $|{bucket}", BUCKETS),
        ("specs/line.yaml", "${spec.na|me}", [("specs/line.yaml", "line")]),
        ("specs/line.yaml", "${spec.ru|n}", []),
        ("specs/line.yaml", "${en|v}", []),
        ("sagespec.yaml", "default_bucket: ${buck|et}", BUCKETS),
        ("sagespec.yaml", "role-${buck|et}", BUCKETS[:1]),
        ("sagespec.yaml", "${ buck|et }", BUCKETS[:1]),
        ("sagespec.yaml", "$${buck|et}", []),
        ("sagespec.yaml", "address: Torchrun/t|wo", [("specs/torchrun.yaml", "two")]),
        ("sagespec.yaml", '"Model|Trainer/other"', [("specs/line.yaml", "other")]),
        ("sagespec.yaml", "policy.js|on", [("policy.json", "")]),
        ("specs/line.yaml", "entry_script: train|.py", [("specs/code/train.py", "")]),
        ("specs/line.yaml", "rates|.yaml", [("specs/rates.yaml", "")]),
        ("specs/line.yaml", "training_image: code/tra|in.py", []),
        ("specs/line.yaml", "source_dir: co|de", []),
        ("specs/rates.yaml", "${buc|ket}", []),
        ("specs/line.yaml", "apiVer|sion", []),
    ],
)
def test_names_and_paths_lead_to_their_definitions(
    desk: Desk, name: str, marked: str, expected: list[tuple[str, str]]
) -> None:
    assert defined(desk, name, marked) == expected


def test_a_ref_in_a_channel_leads_to_the_spec(desk: Desk) -> None:
    channel = "  input_data_config: [{channel_name: m, data_source: {ref: ModelTrainer/line}}]\n"
    desk.opened["specs/line.yaml"] = LINE + channel
    line = [("specs/line.yaml", "line")]
    assert defined(desk, "specs/line.yaml", "{ref: ModelTrainer/li|ne}") == line
    assert line[0] in used(desk, "specs/line.yaml", "metadata: {name: li|ne", declared=False)


def test_a_link_begins_at_the_whole_address(desk: Desk) -> None:
    (found,) = definitions.definition(*desk.at("specs/line.yaml", "{ref: 'Torchrun/t|wo'"))
    assert found.origin_selection_range is not None
    here = types.Location((desk.root / "specs/line.yaml").as_uri(), found.origin_selection_range)
    assert desk.shown(here)[1] == "Torchrun/two"


def test_a_name_without_its_kind_leads_to_what_the_field_takes(desk: Desk) -> None:
    desk.write("specs/mpi.yaml", FILES["specs/torchrun.yaml"].replace("Torchrun", "MPI"))
    desk.write("specs/same.yaml", FILES["specs/line.yaml"].partition("---")[0].replace("line", "two"))
    desk.opened["specs/line.yaml"] = LINE.replace("'Torchrun/two'", "two")
    assert defined(desk, "specs/line.yaml", "{ref: tw|o}") == [
        ("specs/mpi.yaml", "two"),
        ("specs/torchrun.yaml", "two"),
    ]


def test_a_name_with_values_leads_to_what_it_means_in_each_environment(desk: Desk) -> None:
    desk.write("specs/more.yaml", FILES["specs/torchrun.yaml"].replace("two", "${which}-${env}"))
    desk.opened["specs/line.yaml"] = LINE.replace("'Torchrun/two'", '"Torch${rest}run/${which}"').replace(
        '"Torchrun/two"', "Torchrun/other-prod"
    )
    assert defined(desk, "specs/line.yaml", "Torch|${rest}") == []
    desk.opened["specs/line.yaml"] = desk.opened["specs/line.yaml"].replace("${rest}", "")
    assert defined(desk, "specs/line.yaml", '"Torchr|un/${which}"') == [("specs/torchrun.yaml", "two")]
    assert defined(desk, "specs/line.yaml", '"Torchrun/${whi|ch}"') == [("sagespec.yaml", "which")] * 2
    assert defined(desk, "specs/line.yaml", "Torchrun/ot|her-prod") == [("specs/more.yaml", "${which}-${env}")]


def test_references_are_all_uses_in_the_project(desk: Desk) -> None:
    uses = [("sagespec.yaml", "two"), ("specs/line.yaml", "two"), ("specs/line.yaml", "two")]
    own = ("specs/torchrun.yaml", "two")
    for name, marked in (("specs/torchrun.yaml", "name: tw|o"), ("specs/line.yaml", "{ref: 'Torch|run")):
        assert used(desk, name, marked, declared=False) == uses
        assert used(desk, name, marked, declared=True) == [*uses, own]
    assert used(desk, "specs/line.yaml", "{name: oth|er", declared=False) == [("sagespec.yaml", "other")]
    buckets = used(desk, "sagespec.yaml", "bu|cket: dev", declared=False)
    assert buckets == [*[("sagespec.yaml", "bucket")] * 4, ("specs/line.yaml", "bucket")]
    assert len(used(desk, "sagespec.yaml", "bu|cket: dev", declared=True)) == len(buckets) + 2


def test_highlights_are_of_one_file_and_say_what_defines(desk: Desk) -> None:
    found = definitions.highlights(*desk.at("sagespec.yaml", "bu|cket: dev"))
    kinds = [one.kind for one in found]
    assert kinds.count(types.DocumentHighlightKind.Write) == 2
    assert kinds.count(types.DocumentHighlightKind.Read) == 4
    (own,) = definitions.highlights(*desk.at("specs/line.yaml", "${spec.na|me}"))
    assert own.kind == types.DocumentHighlightKind.Read


def test_links_are_the_files_that_fields_name(desk: Desk) -> None:
    sheets = desk.sheets()
    found = definitions.links("specs/line.yaml", sheets)
    assert [Path(str(one.target)).name for one in found] == ["train.py", "rates.yaml"]
    assert [Path(str(one.target)).name for one in definitions.links("sagespec.yaml", sheets)] == ["policy.json"]


def test_paths_out_of_the_project_lead_nowhere(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "rates.yaml"
    outside.write_text("a: 1\n", "utf-8")
    desk.opened["specs/line.yaml"] = LINE.replace("rates.yaml", f"../../{outside.parent.name}/rates.yaml")
    assert defined(desk, "specs/line.yaml", "/rates|.yaml") == []


def test_what_can_be_read_of_a_broken_project_counts(desk: Desk) -> None:
    desk.opened["specs/line.yaml"] = LINE + "---\n{{{"
    desk.opened["specs/torchrun.yaml"] = FILES["specs/torchrun.yaml"].replace("spec: {", "spec: {{")
    assert defined(desk, "specs/line.yaml", "{ref: 'Torch|run/two'") == [("specs/torchrun.yaml", "two")]
    desk.opened["sagespec.yaml"] = PROJECT + "nonsense: [\n"
    assert desk.sheets().now.checked is None
    assert defined(desk, "specs/line.yaml", "😀 ${bu|cket}") == BUCKETS
