"""The inputs that say what AWS resources are like: tags that every launch can carry, and a volume that can boot."""

from __future__ import annotations

import pytest

from refresh import inputs
from refresh.desired import RootVolume
from refresh.errors import InputErrors
from refresh.inputs import resources
from tests.fakes.literals import good


def _problems(**changed: str) -> tuple[str, ...]:
    given = {f"INPUT_{name.upper().replace('_', '-')}": value for name, value in changed.items()}
    with pytest.raises(InputErrors) as caught:
        inputs.load(good(**given))
    return caught.value.problems


def test_tags_are_lines_of_key_and_value() -> None:
    """Whatever the line ends and the spaces around; a value may be empty, and hold an = and letters of any script."""
    given = "team = ci\r\n\n  cost-center=42\nurl=https://example.com/?a=b \nempty=\nort=Zürich-Süd".replace("?", "_")
    assert resources.tags(given) == (
        ("cost-center", "42"),
        ("empty", ""),
        ("ort", "Zürich-Süd"),
        ("team", "ci"),
        ("url", "https://example.com/_a=b"),
    )


@pytest.mark.parametrize("key", ["a", "A-Z_0-9", "org:team", "a+b.c@d", "...", "_indexes", "k" * 128])
def test_a_key_that_instance_metadata_can_carry_is_taken(key: str) -> None:
    """The template exposes tags there."""
    assert resources.tags(f"{key}=x") == ((key, "x"),)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("team", "'team' has no ="),
        ("cost center=42", "the key 'cost center' is none that instance metadata can carry"),
        ("org/team=ci", "the key 'org/team' is none that instance metadata can carry"),
        ("größe=1", "the key 'größe' is none that instance metadata can carry"),
        ("a,b=x", "the key 'a,b' is none that instance metadata can carry"),
        (".=x", "the key '.' is none that instance metadata can carry"),
        ("..=x", "the key '..' is none that instance metadata can carry"),
        ("_index=x", "the key '_index' is none that instance metadata can carry"),
        ("=x", "the key '' is none that instance metadata can carry"),
        (f"{'k' * 129}=x", "is none that instance metadata can carry"),
        ("aws:team=ci", "the key 'aws:team' is reserved by AWS"),
        ("AWS:team=ci", "the key 'AWS:team' is reserved by AWS"),
        ("AllowSelfTermination=true", "the key AllowSelfTermination is reserved: the pool itself uses it"),
        ("InitialRunId=42", "the key InitialRunId is reserved"),
        ("refresh-action:protect=true", "the key refresh-action:protect is reserved"),
        ("team=a&b", "the value of team is none that AWS takes"),
        (f"team={'v' * 257}", "the value of team is none that AWS takes"),
        ("team=a\nteam=b", "team is given twice"),
        ("\n".join(f"k{number}=v" for number in range(41)), "41 tags; at most 40"),
    ],
)
def test_a_tag_that_would_break_something_is_refused(line: str, problem: str) -> None:
    """A key that metadata cannot carry makes every launch fail; a protected pool would never end an instance."""
    (told,) = _problems(tags=line)
    assert told.startswith("tags: ")
    assert problem in told
    assert told.endswith("; write lines of key=value" if "has no =" in told else "; correct these lines")


def test_every_wrong_tag_is_told_at_once() -> None:
    """A problem a line."""
    (told,) = _problems(tags="a b=1\nteam\nok=1\naws:x=2")
    assert [word in told for word in ("'a b'", "'team' has no =", "'aws:x'", "ok ")] == [True, True, True, False]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, None),
        ({"ROOT-VOLUME-SIZE": "50"}, RootVolume(50, None)),
        ({"ROOT-VOLUME-TYPE": "gp2"}, RootVolume(None, "gp2")),
        ({"ROOT-VOLUME-SIZE": "16384", "ROOT-VOLUME-TYPE": "gp3"}, RootVolume(16384, "gp3")),
    ],
)
def test_the_root_volume_is_the_image_s_where_nothing_is_said(
    given: dict[str, str], expected: RootVolume | None
) -> None:
    """Size and type apart."""
    loaded = inputs.load(good(**{f"INPUT_{name}": value for name, value in given.items()}))
    assert loaded.desired.root_volume == expected


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("root_volume_size", "0", "too small: at least 1 GiB"),
        ("root_volume_size", "16385", "too large: at most 16384 GiB"),
        ("root_volume_size", "50G", "whole GiB expected"),
        ("root_volume_type", "io2", "gp2 or gp3 expected"),
        ("root_volume_type", "GP3", "gp2 or gp3 expected"),
    ],
)
def test_a_volume_that_ec2_would_refuse_is_bad_input(name: str, value: str, problem: str) -> None:
    """Before anything is called."""
    (told,) = _problems(**{name: value})
    assert told.startswith(f"{name.replace('_', '-')}: {problem}; got '{value}'")
