"""YAML as the package of npm reads it that Backstage uses; what is expected here is what it gives."""

import json
import math
import random
import warnings

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.config.yaml_text import TextError, parse_documents, parse_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a:\t# c\n  b: 1", {"a": {"b": 1}}),
        ("a: b\t# c", {"a": "b"}),
        ("- a\t# c\n-\tb", ["a", "b"]),
        ('a: "x"\t# c', {"a": "x"}),
        ("a:\t1", {"a": 1}),
        ("a: b\tc\t\nd: e", {"a": "b\tc", "d": "e"}),
        ("a: 1\n\t# c\nb: 2", {"a": 1, "b": 2}),
        ("a: x\n\t\n  y", {"a": "x\ny"}),
        ("a: x\n \ty", {"a": "x y"}),
        ("a:\n  b: 1\n\t# c\n  d: 1", {"a": {"b": 1, "d": 1}}),
        ("a: |\t# c\n  x\n", {"a": "x\n"}),
        ("a: >2-\t\n    x\n  y\n", {"a": "  x\ny"}),
        ("a: &x\tb\nc: *x\t# c", {"a": "b", "c": "b"}),
        ("a: [b\t, 'c'\t]\t# c", {"a": ["b", "c"]}),
        ("a: |\n  \tkept\n", {"a": "\tkept\n"}),
    ],
)
def test_a_tab_may_stand_wherever_it_does_not_indent(text: str, value: object) -> None:
    assert parse_yaml(text) == value


@pytest.mark.parametrize(
    "text", ["\ta: 1", "a:\n\tb: 1", "a: x\n\ty", "- - a\n-\t- b", "a:\tb: 1", "a: |x\n"]
)
def test_a_tab_does_not_indent(text: str) -> None:
    with pytest.raises(TextError, match="not valid YAML"):
        parse_yaml(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!vault chat", "chat"),
        ("!vault 12", "12"),
        ("!vault", ""),
        ("!vault {b: !Ref c}", {"b": "c"}),
        ("!GetAtt [b, 1]", ["b", 1]),
        ("!<tag:x> y", "y"),
        ("!!python/object:os.system x", "x"),
        ("!!bool x", "x"),
        ("!!int x", "x"),
        ("!!str 3", "3"),
        ("!!int '3'", 3),
        ("!!null x", None),
    ],
)
def test_a_tag_that_nobody_knows_is_as_if_not_written(text: str, value: object) -> None:
    assert parse_yaml(f"a: {text}") == {"a": value}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("1:30", "1:30"),
        ("0o17", 15),
        ("017", 17),
        ("0x1F", 31),
        ("+1", 1),
        ("-0", 0),
        (".5", 0.5),
        ("1.", 1),
        ("1e3", 1_000),
        ("1e", "1e"),
        ("-.inf", -math.inf),
        ("~", None),
        ("nULL", "nULL"),
        ("True", True),
        ("yes", "yes"),
        ("2001-01-01", "2001-01-01"),
        ("<<", "<<"),
        ("=", "="),
    ],
)
def test_plain_text_has_the_types_of_the_core_schema(text: str, value: object) -> None:
    found = parse_yaml(f"a: {text}")
    assert (found, type(found["a"])) == ({"a": value}, type(value))  # type: ignore[index]


def test_a_file_may_say_that_it_is_yaml_1_1() -> None:
    assert parse_yaml("%YAML 1.1\n---\na: 1_000\nb: yes") == {"a": 1_000, "b": True}


def test_keys_can_be_merged() -> None:
    assert parse_yaml("x: &x {b: 1, c: 2}\ny: {<<: *x, c: 3}") == {
        "x": {"b": 1, "c": 2},
        "y": {"b": 1, "c": 3},
    }


def test_an_anchor_that_is_used_again_warns_of_nothing_for_that_would_quote_the_text() -> None:
    with warnings.catch_warnings(record=True) as caught:
        assert parse_yaml("a: &x secret\nb: &x other\nc: *x") == {"a": "secret", "b": "other", "c": "other"}
    assert caught == []


def test_a_catalog_document_may_have_tabs_and_tags_too() -> None:
    (document,) = parse_documents("metadata:\n  name: cart\t# ours\nspec: !x {a: 1_0}\n")
    assert document.content == {"metadata": {"name": "cart"}, "spec": {"a": "1_0"}}


def test_a_character_written_as_two_escapes_is_one() -> None:
    assert parse_yaml(r'"\ud83d\ude00 \ud83d": "\ude00\ud83d"') == {"\U0001f600 \ud83d": "\ude00\ud83d"}


_KEYS = st.sampled_from(["<<", "null", "1", "", "a: b", "#", "---", "é"]) | st.text(max_size=9)
_NUMBERS = st.integers() | st.floats(allow_nan=False) | st.sampled_from([-0.0, 1e3, 2.0**53, 1e22, 10**400])
_JSON = st.recursive(
    st.none() | st.booleans() | _NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)


def _spaced(document: object, *, seed: int) -> str:
    """Write JSON, with white space where it may be: a line end before a colon is none of YAML's."""
    chance = random.Random(seed)  # noqa: S311 - made-up text
    separators = (chance.choice([",", ", ", " ,\n ", ",\r\n"]), chance.choice([":", ": ", ":\n  ", " : "]))
    indent = chance.choice([None, 0, 2])
    text = json.dumps(document, ensure_ascii=seed % 2 == 1, separators=separators, indent=indent)
    return chance.choice(["", "\n", "   ", "   \n"]) + text + chance.choice(["", "\n", " \r\n\n"])


@given(st.dictionaries(_KEYS, _JSON, max_size=4), st.integers(0, 999))
@example({"a": "tab\tx\x85y\u2028z\ufeff\x7f\x00"}, 2)
@example({"\U0001f600": "\ud83d"}, 1)
def test_a_mapping_of_json_means_what_it_means_in_yaml(document: dict[str, object], seed: int) -> None:
    text = _spaced(document, seed=seed)
    assert _read(text) == _read(text + "\n# With a comment it is no JSON.")


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}',
        '{"a": NaN, "b": Infinity}',
        '{"a": 01}',
        '{"a": 1,}',
        '{"a": 1} {"b": 2}',
        '{"a": "x\n y"}',
        '{"a": "x\ty"}',
        '\t{"a": 1}',
        '{"a": "\x85"}',
        '{"a": "x \u2028 y"}',
        '{"a": "\x7f"}',
        "{a: 1}",
        '{"a": ' + "[" * 400 + "]" * 400 + "}",
        '{"a": ' + "1" * 5_000 + "}",
    ],
)
def test_what_json_does_not_have_or_reads_otherwise_is_read_as_yaml(text: str) -> None:
    assert _read(text) == _read(text + "\n# With a comment it is no JSON.")


@pytest.mark.parametrize("text", ['{"a"\n: 1}', '{"' + "k" * 1_025 + '": 1}'])
def test_json_is_read_also_where_yaml_alone_wants_a_key_in_one_short_line(text: str) -> None:
    assert parse_yaml(text) == json.loads(text)


def _read(text: str) -> str:
    """Return what is read, so that what differs in type or sign differs; or the error."""
    try:
        return ascii(parse_yaml(text))
    except TextError as error:
        return f"error: {error}"
