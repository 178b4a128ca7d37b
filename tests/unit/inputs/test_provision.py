"""The inputs of provision: defaults, all problems at once, and how counts and usage classes fit together."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from refresh.credentials import IdTokens, Secret
from refresh.desired import DesiredProvision, Mode, Role
from refresh.errors import InputErrors
from refresh.inputs import provision
from refresh.pool.names import Repository
from refresh.pool.usage import UsageClass
from tests.fakes import canaries
from tests.fakes.literals import good_provision
from tests.unit.inputs.bad_inputs import row, rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refresh.inputs.provision import ProvisionInputs

RUN, ATTEMPT, OWN = "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_REPOSITORY"
ROLE = "arn:aws:iam::123456789012:role/provision"
OIDC = {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://token.example", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": canaries.REQUEST}
WANTED = DesiredProvision(repository=Repository("octo", "widgets"), region="eu-west-1", run_id="77")
SPOT, ON_DEMAND = UsageClass.SPOT, UsageClass.ON_DEMAND
EVERY_INPUT_WRONG = {
    "name": "*",
    "count": "0",
    "min-count": "101",
    "resource-class": "a b",
    "usage-class": "reserved",
    "fallback": "spot",
    "allowed-instance-types": "M5.large",
    "max-runtime": "30",
    "reuse": "maybe",
    "if-unavailable": "self-hosted",
    "timeout": "1s",
    "max-price-over-lowest": "0",
    "run-id": "7/x",
    "repository": "widgets",
    "aws-region": "us-east-1a",
    "role-to-assume": "provision",
    "role-session-name": "a b",
    "role-duration": "1s",
    "allowed-account-ids": "1",
    "mode": "release",
    "log-format": "xml",
}


def _environ(changed: Mapping[str, str]) -> dict[str, str]:
    """Give a good environment with some inputs (`name`) and variables (`AWS_REGION`) replaced."""
    return good_provision(**{name if name.isupper() else f"INPUT_{name.upper()}": changed[name] for name in changed})


def _load(changed: Mapping[str, str]) -> ProvisionInputs:
    return provision.load(_environ(changed))


def _problems(environ: Mapping[str, str]) -> tuple[str, ...]:
    with pytest.raises(InputErrors) as caught:
        provision.load(environ)
    return caught.value.problems


def _names(problems: tuple[str, ...]) -> list[str]:
    return sorted(problem.partition(":")[0] for problem in problems)


def test_without_inputs_one_on_demand_machine_is_wanted_for_the_own_run() -> None:
    loaded = _load({})
    assert loaded.desired == WANTED
    assert (loaded.desired.label, loaded.desired.fewest, loaded.desired.launched_as) == ("77", 1, (ON_DEMAND,))
    assert (loaded.secrets.github, loaded.warnings, loaded.notices) == (Secret(""), (), ())


def test_every_input_reaches_the_desired_state() -> None:
    given = {"name": "tests", "run-id": "88", "count": "4", "min-count": "2", "resource-class": "xlarge"}
    kind = {"usage-class": "spot", "fallback": "on-demand", "allowed-instance-types": "c7*, m5.large\nr6g.*  c7*"}
    time = {"max-runtime": "2h", "timeout": "90s"}
    more = {"reuse": "FALSE", "if-unavailable": "ubuntu-latest", "max-price-over-lowest": "999999", "mode": "plan"}
    access = {"repository": "octo/pools", "allowed-account-ids": "123456789012", ATTEMPT: "3"}
    role = {"role-to-assume": ROLE, "role-session-name": "a-session", "role-duration": "30m"}
    loaded = _load({**given, **kind, **time, **more, **access, **role, **OIDC})
    assert loaded.desired == DesiredProvision(
        repository=Repository("octo", "pools"),
        region="eu-west-1",
        role=Role(arn=ROLE, session_name="a-session", duration=timedelta(minutes=30)),
        allowed_account_ids=("123456789012",),
        mode=Mode.PLAN,
        run_id="88",
        attempt=3,
        name="tests",
        count=4,
        min_count=2,
        resource_class="xlarge",
        usage_classes=(SPOT,),
        fallback=True,
        instance_types=("c7*", "m5.large", "r6g.*"),
        max_runtime=timedelta(hours=2),
        reuse=False,
        if_unavailable="ubuntu-latest",
        timeout=timedelta(seconds=90),
        max_price_over_lowest=999_999,
    )
    assert loaded.secrets.id_tokens == IdTokens("https://token.example", Secret(canaries.REQUEST))
    assert (loaded.warnings, loaded.desired.label) == ((), "88-tests")


def test_all_problems_are_reported_together() -> None:
    assert {*EVERY_INPUT_WRONG} == {each.name for each in provision.INPUTS if not each.replaced_by}
    problems = _problems(_environ({**EVERY_INPUT_WRONG, ATTEMPT: "0"}))
    assert _names(problems) == sorted((*EVERY_INPUT_WRONG, ATTEMPT))
    assert _names(_problems({})) == sorted([OWN, RUN, "aws-region"])


@pytest.mark.shows("B96", "B97", "B98", "B99", "B101", "B102", "B103", "B104", "B105", "B106", "B107")
@pytest.mark.parametrize(
    ("given", "key"),
    [
        *rows("B96", "name", "not the name of a pool", star="*", hyphen="a-b", space="a b", long="x" * 41),
        *rows("B97", "count", "a whole number of machines expected", words="two", half="1.5", score="1_0"),
        *rows("B97", "count", "too small: at least 1 machines", zero="0", negative="-1"),
        *rows("B97", "count", "too large: at most 100 machines", more="101", digits="9" * 5000),
        *rows("B97", "min-count", "too small: at least 1 machines", zero="0"),
        row("B98", "default", {"min-count": "2"}, "more than count, which is 1; got '2'; write 1 to 1, or raise count"),
        *rows("B99", "resource-class", "not the name of a resource class", space="a b", dot="a.b", long="x" * 81),
        *rows("B101", "usage-class", "on-demand, spot or any expected", reserved="reserved", both="spot,on-demand"),
        *rows("B101", "fallback", "none or on-demand expected", spot="spot", true="true"),
        *rows("B102", "allowed-instance-types", "a JSON array", list='["m5.large"]'),
        *rows("B102", "allowed-instance-types", "'M5.large' is not a pattern of instance types", case="M5.large"),
        *rows("B102", "allowed-instance-types", "write m5.large", lower="c5.large M5.large"),
        *rows("B102", "allowed-instance-types", "use 1 to 30 of a-z 0-9 . - and *", bar="m5|c5", long="x" * 31),
        row("B103", "none", {"allowed-instance-types": ","}, "0 patterns where 1 to 400 are expected"),
        row("B103", "many", {"allowed-instance-types": " ".join(f"m{n}" for n in range(401))}, "401 patterns where 1"),
        *rows("B104", "if-unavailable", "fail or one label expected", two="ubuntu-latest,x", list='["x"]', name="a b"),
        *rows("B104", "if-unavailable", "fail or one label expected", expression="${{ x }}", long="x" * 101),
        *rows("B105", "if-unavailable", "not the label of a hosted runner", own="self-hosted", case="Self-Hosted"),
        *rows("B106", "timeout", "a duration of 30s to 30m expected", short="29s", long="31m", bare="300"),
        *rows("B106", "max-runtime", "a duration of 1m to 5d expected", short="59s", long="121h", bare="30"),
        *rows("B106", "max-price-over-lowest", "too small: at least 1 percent", zero="0"),
        *rows("B106", "max-price-over-lowest", "a whole number of percent expected", sign="50%"),
        *rows("B107", ATTEMPT, "not the number of an attempt", zero="0", word="first", wide="\uff11", long="1" * 7),
    ],
)
def test_bad_values_of_provision_are_refused_with_a_remedy(given: dict[str, str], key: str) -> None:
    ((name, value),) = given.items()
    (problem,) = _problems(_environ(given))
    assert problem.startswith(f"{name}: ")
    assert key in problem
    assert f"; got {value if len(value) <= 40 else value[:40] + '...'!r}" in problem


@pytest.mark.shows("B98")
@pytest.mark.parametrize(
    ("given", "said"),
    [
        row("B98", "more", {"count": "3", "min-count": "4"}, "more than count, which is 3"),
        row("B98", "old", {"instance-count": "3", "min-count": "4"}, "more than count, which is 3"),
        row("B98", "equal", {"count": "3", "min-count": "3"}, ""),
        row("B98", "bad", {"count": "none", "min-count": "2"}, "a whole number of machines expected"),
    ],
)
def test_the_minimum_is_at_most_the_count(given: Mapping[str, str], said: str) -> None:
    """A count that cannot be read is the only problem: nothing is compared with it."""
    if not said:
        assert _load(given).desired.fewest == 3
        return
    (problem,) = _problems(_environ(given))
    assert said in problem


@pytest.mark.shows("B100")
@pytest.mark.parametrize(
    ("usage", "fallback", "claimed", "launched"),
    [
        row("B100", "default", "", "", (ON_DEMAND,), (ON_DEMAND,)),
        row("B100", "spot", "Spot", "", (SPOT,), (SPOT,)),
        row("B100", "spot-none", "spot", "none", (SPOT,), (SPOT,)),
        row("B100", "spot-fallback", "spot", "on-demand", (SPOT,), (SPOT, ON_DEMAND)),
        row("B100", "any", "any", "", (SPOT, ON_DEMAND), (SPOT, ON_DEMAND)),
        row("B100", "any-none", "any", "none", (SPOT, ON_DEMAND), (SPOT,)),
        row("B100", "any-fallback", "any", "On-Demand", (SPOT, ON_DEMAND), (SPOT, ON_DEMAND)),
        row("B100", "on-demand-none", "on-demand", "none", (ON_DEMAND,), (ON_DEMAND,)),
    ],
)
def test_usage_class_and_fallback_decide_what_is_claimed_and_launched(
    usage: str, fallback: str, claimed: tuple[UsageClass, ...], launched: tuple[UsageClass, ...]
) -> None:
    loaded = _load({"usage-class": usage, "fallback": fallback})
    assert (loaded.desired.usage_classes, loaded.desired.launched_as) == (claimed, launched)
    assert loaded.warnings == ()


@pytest.mark.shows("B100")
@pytest.mark.parametrize(
    ("usage", "said"),
    [
        row("B100", what, usage, "has no effect with usage-class on-demand; set usage-class to spot or any")
        for what, usage in (("absent", ""), ("named", "on-demand"))
    ],
)
def test_a_fallback_without_spot_machines_is_a_warning(usage: str, said: str) -> None:
    loaded = _load({"usage-class": usage, "fallback": "on-demand"})
    (warning,) = loaded.warnings
    assert warning.startswith(f"fallback: {said}")
    assert loaded.desired == WANTED


@pytest.mark.parametrize("word", ["provision", "Provision", "apply"])
def test_the_original_s_word_for_this_action_means_apply(word: str) -> None:
    assert _load({"mode": word}).desired.mode is Mode.APPLY


@pytest.mark.parametrize(
    ("old", "value", "new", "changed"),
    [
        ("instance-count", "3", "count", {"count": 3}),
        ("max-runtime-min", "45", "max-runtime", {"max_runtime": timedelta(minutes=45)}),
    ],
)
def test_the_original_s_names_are_read_with_a_warning(old: str, value: str, new: str, changed: dict[str, Any]) -> None:
    loaded = _load({old: value})
    assert loaded.desired == evolve(WANTED, **changed)
    assert loaded.warnings == (f"{old}: is deprecated; use {new}.",)
    (problem,) = _problems(_environ({old: value, new: "30m" if new == "max-runtime" else value}))
    assert problem.startswith(f"{new}: given together with {old}")


@pytest.mark.shows("B105")
@pytest.mark.parametrize(
    ("value", "label"),
    [
        row("B105", "fail", "Fail", ""),
        row("B105", "hosted", "ubuntu-latest", "ubuntu-latest"),
        row("B105", "larger", "ubuntu_24.04-16core", "ubuntu_24.04-16core"),
    ],
)
def test_a_hosted_runner_is_named_by_one_label(value: str, label: str) -> None:
    assert _load({"if-unavailable": value}).desired.if_unavailable == label


@pytest.mark.parametrize(("own", "attempt"), [("", 1), (" ", 1), ("2", 2), ("999999", 999_999)])
def test_the_attempt_is_that_of_the_run(own: str, attempt: int) -> None:
    assert _load({ATTEMPT: own}).desired.attempt == attempt


@pytest.mark.parametrize(
    ("given", "named", "key"),
    [
        ({"role-to-assume": ROLE}, "role-to-assume", "id-token: write"),
        ({"role-to-assume": ROLE}, "role-to-assume", "GitHub gives pull requests from forks none"),
        ({"role-to-assume": ROLE, "allowed-account-ids": "210987654321", **OIDC}, "role-to-assume", "not in allowed"),
        ({"AWS_ACCESS_KEY_ID": "AKIA"}, "AWS_SECRET_ACCESS_KEY", "is required with"),
        ({"repository": "Octo/widgets"}, "repository", "octo/widgets"),
        ({RUN: ""}, RUN, "set the input run-id"),
        ({"GITHUB_API_URL": "http://github.example.com"}, "GITHUB_API_URL", "https://"),
        ({"GITHUB_TOKEN": canaries.PAT, "name": canaries.PAT}, "name", "contains the GITHUB_TOKEN"),
        ({"GITHUB_TOKEN": canaries.PAT, ATTEMPT: canaries.PAT}, ATTEMPT, "contains the GITHUB_TOKEN"),
        ({"table-name": "other"}, "table-name", "this pool's table is"),
    ],
)
def test_access_is_checked_as_for_refresh(given: Mapping[str, str], named: str, key: str) -> None:
    (problem,) = _problems(_environ(given))
    assert problem.startswith(f"{named}: ")
    assert key in problem
    assert canaries.PAT not in problem


def test_inputs_of_other_actions_are_ignored_with_a_warning() -> None:
    loaded = _load({"ami": "ami-01234567", "github-token": canaries.PAT, "counts": "2"})
    assert [warning.partition(":")[0] for warning in loaded.warnings] == ["'ami'", "'counts'", "'github-token'"]
    assert "did you mean count?" in loaded.warnings[1]
    assert loaded.desired == WANTED
