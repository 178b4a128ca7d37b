"""The inputs as a whole: what has to be there, under which names it is read, and all problems at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from refresh import inputs
from refresh.credentials import Secret
from refresh.desired import DEFAULT_RESOURCE_CLASSES, DesiredState, Mode
from refresh.pool import names
from tests.fakes import canaries
from tests.fakes.literals import TEN_BAD_INPUTS, good
from tests.unit.inputs.bad_inputs import environ, load, problems, row

REQUIRED = ("ami", "github-token", "iam-instance-profile", "security-group-ids", "subnet-ids")


def test_the_smallest_good_input_gives_every_default() -> None:
    """As the README's table has them."""
    loaded = inputs.load(good())
    assert loaded.desired == DesiredState(
        repository=names.Repository("octo", "widgets"),
        region="eu-west-1",
        image="ami-0123456789abcdef0",
        instance_profile="runner-profile",
        security_group_ids=("sg-0123456789abcdef0",),
        subnet_ids=("subnet-0123456789abcdef0",),
        max_idle_time=timedelta(minutes=7),
        max_runtime=timedelta(minutes=30),
        resource_classes=DEFAULT_RESOURCE_CLASSES,
        pre_runner_script="",
        runner_version=None,
        registration_token_min_ttl=timedelta(minutes=40),
        metadata_hop_limit=1,
        mode=Mode.APPLY,
        github_api_url="https://api.github.com",
    )
    assert (loaded.warnings, loaded.notices) == ((), ())
    assert loaded.secrets.github == Secret(canaries.PAT)


@pytest.mark.shows("B1", "B2", "B3", "B4", "B5", "B6")
@pytest.mark.parametrize(
    ("name", "blank", "expected"),
    [
        *(row(str(n), name, name, None, "is required") for n, name in enumerate(REQUIRED, 1)),
        *(row(str(n), f"{name}-empty", name, "", "is required") for n, name in enumerate(REQUIRED, 1)),
        *(
            row("6", f"{name}-{what}", name, blank, "is required")
            for name in REQUIRED
            for what, blank in (("spaces", "  "), ("tabs", "\t"), ("newlines", "\r\n\n"), ("mark", "\ufeff "))
        ),
    ],
)
def test_every_required_input_that_is_missing_is_named_at_once(name: str, blank: str | None, expected: str) -> None:
    """Absent, empty and blank alike; GitHub gives "" for what a workflow leaves out. An App may replace the token."""
    given = {key: value for key, value in good().items() if not key.startswith("INPUT_")}
    if blank is not None:
        given |= {f"INPUT_{each.upper()}": blank for each in REQUIRED}
    told = problems(given)
    assert len(told) == 5
    (problem,) = [each for each in told if each.startswith(f"{name}: ")]
    assert expected in problem
    assert "set " in problem


def test_the_surroundings_are_missed_together_with_the_inputs() -> None:
    """A first try from a terminal is told everything."""
    told = sorted(each.partition(":")[0] for each in problems({}))
    assert told == sorted((*REQUIRED, "GITHUB_REPOSITORY", "aws-region"))


TWO_SPELLINGS = {
    "subnet-ids": ("subnet-01234567", "subnet-89abcdef"),
    "iam-instance-profile": ("one", "two"),
    "github-token": ("TOKEN-CANARY-1", "TOKEN-CANARY-2"),
    "max-idle-time": ("5m", "300s"),
    "pre-runner-script": ("true", "false"),
    "resource-class-config": ('{"a": {"cpu": 1, "mmem": 1}}', '{"a": {"cpu": 1, "mmem": 2}}'),
    "fail-on-drift": ("true", "false"),
    "idle-time-sec": ("300", "301"),
}


@pytest.mark.shows("B7")
@pytest.mark.parametrize("name", [row("7", name, name) for name in TWO_SPELLINGS])
def test_both_spellings_of_an_input_are_read(name: str) -> None:
    """Not every launcher can keep a hyphen in a variable's name; the same value in both is no contradiction."""
    value, _ = TWO_SPELLINGS[name]
    hyphens, underscores = f"INPUT_{name.upper()}", f"INPUT_{name.upper().replace('-', '_')}"
    given = good(**{hyphens: value})
    expected = inputs.load(given)
    assert expected != inputs.load(good())
    del given[hyphens]
    assert inputs.load({**given, underscores: value}) == expected
    assert inputs.load({**given, underscores: value, hyphens: value}) == expected


@pytest.mark.shows("B8")
@pytest.mark.parametrize(
    ("name", "expected"), [row("8", name, name, "given twice, as INPUT_") for name in TWO_SPELLINGS]
)
def test_differing_values_in_both_spellings_are_refused(name: str, expected: str) -> None:
    """Which one was meant nobody knows."""
    one, other = TWO_SPELLINGS[name]
    given = {f"INPUT_{name.upper()}": one, f"INPUT_{name.upper().replace('-', '_')}": other}
    (problem,) = problems(good(**given))
    assert problem.startswith(f"{name}: {expected}")
    assert "keep one of them" in problem
    assert "CANARY" not in problem


@pytest.mark.shows("B9")
@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        row("9", "near", "INPUT_SUBNET-ID", "is no input of this action and is ignored; did you mean subnet-ids?"),
        row("9", "case", "INPUT_TIME-OUT", "did you mean timeout?"),
        row("9", "far", "INPUT_QQQQQQ", "'qqqqqq': is no input of this action and is ignored"),
        row("9", "strange", "INPUT_\n::error::\udc80", r"'\n::error::\udc80': is no input of this action"),
    ],
)
def test_an_unknown_input_is_a_warning_with_the_nearest_name(variable: str, expected: str) -> None:
    """Most likely a slip of the pen, and its default holds; one that is empty is not there."""
    (warning,) = inputs.load(good(**{variable: "x"})).warnings
    assert expected in warning
    assert inputs.load(good(**{variable: " "})).warnings == ()


def test_problems_of_many_inputs_are_told_together() -> None:
    """One run is enough to learn of all; every value is shown but the secret's."""
    told = problems(environ({name.replace("_", "-"): value for name, value in TEN_BAD_INPUTS.items()}))
    assert sorted(each.partition(":")[0] for each in told) == sorted(name.replace("_", "-") for name in TEN_BAD_INPUTS)
    assert not any("two words" in each for each in told)


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ({"max_idle_time": "7m"}, {"idle_time_sec": "420"}),
        ({"max_runtime": "30m"}, {"max_runtime_min": "30"}),
        ({"registration_token_min_ttl": "40m"}, {"github_reg_token_refresh_min": "20"}),
    ],
)
def test_an_original_s_name_is_a_warning_and_both_names_an_error(new: dict[str, str], old: dict[str, str]) -> None:
    """Even if they say the same."""
    (old_name,) = (name.replace("_", "-") for name in old)
    (new_name,) = (name.replace("_", "-") for name in new)
    assert load(**old).desired == load(**new).desired
    assert load(**old).warnings == (f"{old_name}: is deprecated; use {new_name}.",)
    given = {name.replace("_", "-"): value for name, value in {**old, **new}.items()}
    assert problems(environ(given)) == (
        f"{new_name}: given together with {old_name}, its deprecated name; keep {new_name}",
    )


def test_inputs_of_the_original_s_other_modes_are_a_notice() -> None:
    """Its step works unchanged."""
    loaded = load(mode="refresh", instance_count="3", usage_class="spot", allowed_instance_types="c*", table_name="")
    assert [notice.partition(":")[0] for notice in loaded.notices] == list(inputs.IGNORED)
    assert loaded.warnings == ()


def test_the_contract_s_table_name_is_taken_and_any_other_refused_only_if_the_repository_is_known() -> None:
    """A differing one would split the pool in two."""
    assert load(table_name="octo-widgets-ci-table").warnings == ()
    given = environ({"table-name": "other"})
    assert problems(given) == (
        "table-name: the table of this pool is octo-widgets-ci-table; got 'other'; leave the input out",
    )
    del given["GITHUB_REPOSITORY"]
    (problem,) = problems(given)
    assert problem.startswith("GITHUB_REPOSITORY: ")
