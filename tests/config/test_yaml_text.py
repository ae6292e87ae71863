"""YAML as the package of npm reads it that Backstage uses; what is expected here is what it gives."""

import math
import warnings

import pytest

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
