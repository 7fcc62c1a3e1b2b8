"""Reading: scalars, spans, and everything that must be refused."""

from __future__ import annotations

import pytest
from sagespec.diagnostics import Span
from sagespec.reading import source
from sagespec.reading.document import Written


def data(text: str) -> object:
    sources, diagnostics = source.load("a.yaml", text.encode())
    assert diagnostics == []
    return sources[0].data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("1e-5", 1e-5),
        ("1_000", "1_000"),
        ("0o17", 15),
        ("0x1F", 31),
        ("017", 17),
        ("+5", 5),
        (".5", 0.5),
        ("true", True),
        ("~", None),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("!!float 5", 5.0),
        ("- ", [None]),
        ("-", [None]),
        ("1.2.3", "1.2.3"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    found = data(f"[{text}]" if not text.startswith("-") else text)
    assert found == ([value] if not text.startswith("-") else value)
    assert type(found[0] if isinstance(found, list) and not text.startswith("-") else found) is type(value)


@pytest.mark.parametrize(
    ("text", "rule", "line", "column"),
    [
        ("a: 1\nb: 2\na: 3\n", "duplicate-key", 3, 1),
        ("1: a", "non-text-key", 1, 1),
        ("true: a", "non-text-key", 1, 1),
        ("? [a]\n: b", "non-text-key", 1, 3),
        ("a: &x [*x]", "cyclic-alias", 1, 8),
        ("a: *x", "unknown-alias", 1, 4),
        ("a: .nan", "bad-scalar", 1, 4),
        ("a: 1e999", "bad-scalar", 1, 4),
        ("a: !thing 1", "unknown-tag", 1, 4),
        ("<<: {a: 1}", "merge-key", 1, 1),
        ("a: [1\nb: 2\n", "syntax", 1, 4),
        ("a: b: c", "syntax", 1, 5),
        ("a: \x07", "syntax", 1, 4),
        ("é: 😀\x07", "syntax", 1, 5),
        ("a: [", "syntax", 1, 5),
        ("a: " + "[" * 200 + "]" * 200, "too-deep", 1, 104),
        ("a: " + "9" * 500, "bad-scalar", 1, 4),
        ("a: !!float " + "9" * 399, "bad-scalar", 1, 4),
    ],
)
def test_bad_yaml_is_refused_at_its_place(text: str, rule: str, line: int, column: int) -> None:
    _, diagnostics = source.load("a.yaml", text.encode())
    assert [(d.rule, d.line, d.column) for d in diagnostics] == [(rule, line, column)]


def test_aliases_cannot_explode() -> None:
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    _, diagnostics = source.load("a.yaml", ("a0: &a0 [1]\n" + levels).encode())
    assert [d.rule for d in diagnostics] == ["too-large"]


def test_aliases_cannot_nest_for_ever() -> None:
    deep = "".join(f"x{n}: &x{n} [*x{n - 1}]\n" for n in range(1, 200))
    _, diagnostics = source.load("a.yaml", ("x0: &x0 1\n" + deep).encode())
    assert [(d.rule, d.path) for d in diagnostics] == [("too-deep", "x100[0]")]


def test_what_comes_after_a_mistake_is_read() -> None:
    text = "1: x\n? [a]\n: y\n<<: {b: 1}\na: *none\na: &c [*c]\na: 2\nz: .nan\n---\nb: 1\n"
    sources, diagnostics = source.load("a.yaml", text.encode())
    assert [(d.rule, d.line) for d in diagnostics] == [
        ("non-text-key", 1),
        ("non-text-key", 2),
        ("merge-key", 4),
        ("unknown-alias", 5),
        ("duplicate-key", 6),
        ("cyclic-alias", 6),
        ("duplicate-key", 7),
        ("bad-scalar", 8),
    ]
    assert [(s.data, s.whole) for s in sources] == [({"a": 2, "z": ".nan"}, True), ({"b": 1}, True)]
    assert [len(s.faults) for s in sources] == [8, 0]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("a.yaml", "a: 1\n---\na: 1\nb: {c: 1}\nd: {e: 1, ]\n---\nf: 1\n"),
        ("a.yaml", "a: 1\n---\na: 1\nb: {c: 1}\nd: " + "[" * 200),
        ("a.json", '{"a": 1, "b": {"c": 1}, "d": {"e": 1, ]}'),
    ],
)
def test_what_comes_before_a_syntax_error_is_kept(file: str, text: str) -> None:
    sources, diagnostics = source.load(file, text.encode())
    assert len(diagnostics) == 1
    assert (sources[-1].data, sources[-1].whole) == ({"a": 1, "b": {"c": 1}}, False)
    assert all(s.whole for s in sources[:-1])


def test_text_that_is_not_utf_8_is_refused_at_its_byte() -> None:
    _, (diagnostic,) = source.load("a.yaml", "\ufeffa: 1\r\u2028ä: ".encode() + b"\xff\n")
    assert (diagnostic.rule, diagnostic.line, diagnostic.column) == ("encoding", 3, 4)


def test_a_file_may_hold_several_documents() -> None:
    sources, diagnostics = source.load("a.yaml", b"# only a comment\n---\na: 1\n---\n---\nb: 2\n")
    assert diagnostics == []
    assert [s.data for s in sources] == [{"a": 1}, {"b": 2}]


def test_spans_point_at_keys_and_values() -> None:
    (found,), _ = source.load("a.yaml", b"a: &x\n  b: hello\nc: *x\nd: [1, {e: 2}]\n")
    assert found.span(("a", "b")) == Span(2, 6, 2, 11)
    assert found.span(("a", "b"), on_key=True) == Span(2, 3, 2, 4)
    assert found.span(("a",)) == Span(1, 1, 1, 2)
    assert found.span(("c", "b")) == Span(3, 1, 3, 2)
    assert found.span(("d", 1, "e")) == Span(4, 12, 4, 13)
    assert found.span(("d", 1, "missing")) == Span(4, 8, 4, 14)


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ('{"a" 1}', "expected ':'", 6),
        ("[1,]", "expected a value", 4),
        ('{"a": NaN}', "expected a value", 7),
        ('{"a": 01}', "expected ','", 8),
        ("{} {}", "more text after the end of the document", 4),
        ("", "the text ends too early", 1),
        ('"\\ud83d"', "half of a surrogate pair: not a character", 1),
        ('{"a": 1e999}', "the number is too large", 7),
        ("[" * 200, "more than 100 levels deep", 102),
        ("[" + "1," * 200_001 + "1]", "more than 200,000 values", 400_002),
        ('"a\nb"', "invalid control character at", 3),
    ],
)
def test_bad_json_is_refused_at_its_place(text: str, message: str, column: int) -> None:
    _, (diagnostic,) = source.load("a.json", text.encode())
    assert (diagnostic.message, diagnostic.column) == (message, column)


def test_json_has_spans_tabs_and_surrogate_pairs() -> None:
    (found,), diagnostics = source.load("a.json", b'{\n\t"a":\t["\\ud83d\\ude00", true]}')
    assert diagnostics == []
    assert found.data == {"a": ["😀", True]}
    assert found.span(("a", 0)) == Span(2, 8, 2, 22)


def test_a_value_of_the_command_line_is_yaml() -> None:
    assert source.scalar("[1, a]") == [1, "a"]
    assert source.scalar("007") == Written(7, "007")
    assert source.scalar("") is None
    with pytest.raises(ValueError, match="flow"):
        source.scalar("[1")
