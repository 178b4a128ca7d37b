"""Names: those of the contract where they are legal, and never shared by two pools where they are mapped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refresh.agent.table import RUN
from refresh.pool import names
from refresh.pool.names import Repository

if TYPE_CHECKING:
    from collections.abc import Callable

OWNERS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,38}", fullmatch=True)
REPOSITORIES = st.from_regex(r"[A-Za-z0-9._-]{1,100}", fullmatch=True)
CLASSES = st.from_regex(r"[A-Za-z0-9_-]{1,80}", fullmatch=True)
QUEUE = re.compile(r"[A-Za-z0-9_-]{1,80}")
TEMPLATE = re.compile(r"[a-zA-Z0-9().\-/_]{3,128}")
TABLE = re.compile(r"[a-zA-Z0-9_.-]{3,255}")


def test_the_names_are_those_of_the_contract() -> None:
    """Provision and release derive and read them."""
    repository = Repository("Octo", "Widgets")
    assert names.table(repository) == "Octo-Widgets-ci-table"
    assert names.launch_template(repository) == "Octo-Widgets-ci-launch-template"
    assert names.queue(repository, "2xlarge") == "Octo-Widgets-2xlarge-ci-pool"
    assert (names.partition_key("INSTANCE"), names.sort_key("i-1")) == ("TYPE#INSTANCE", "ID#i-1")


def test_mapped_names_stay_as_they_were_released() -> None:
    """Another mapping would leave queues with living runners behind."""
    assert names.queue(Repository("o", "my.repo"), "large") == "o-my_repo-large-ci-pool-46cf87beef36664c"
    assert names.queue(Repository("o", "r"), "x-y") == "o-r-x-y-ci-pool-628d2e061427f864"
    long = Repository("o" * 39, "r" * 100)
    assert names.launch_template(long) == f"{'o' * 39}-{'r' * 52}-ci-launch-template-1c6a540de6cdd621"


@pytest.mark.shows("A35")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((Repository("o", "r"), "x-y"), (Repository("o", "r-x"), "y")),
        ((Repository("o", "a.b"), "large"), (Repository("o", "a_b"), "large")),
        ((Repository("o", "r"), "a"), (Repository("o", "r"), "A")),
        ((Repository("o" * 39, "r" * 99 + "1"), "large"), (Repository("o" * 39, "r" * 99 + "2"), "large")),
    ],
)
def test_pools_whose_plain_names_could_collide_share_no_queue(
    one: tuple[Repository, str], other: tuple[Repository, str]
) -> None:
    """Provision would claim the other pool's runners."""
    assert names.queue(*one) != names.queue(*other)


@pytest.mark.shows("A35")
@given(st.lists(st.tuples(REPOSITORIES, st.sampled_from(["a", "b-a", "large"])), unique=True, max_size=8))
def test_two_pools_of_one_owner_never_share_a_queue(pools: list[tuple[str, str]]) -> None:
    """Owners whose names end in a dash may: their tables differ."""
    queues = [names.queue(Repository("octo", name), each) for name, each in pools]
    assert len(set(queues)) == len(queues)


@given(OWNERS, REPOSITORIES, CLASSES)
def test_every_legal_repository_has_legal_names_and_a_plain_template_name_if_it_fits(
    owner: str, name: str, resource_class: str
) -> None:
    repository = Repository(owner, name)
    assert QUEUE.fullmatch(names.queue(repository, resource_class))
    assert TEMPLATE.fullmatch(names.launch_template(repository))
    assert TABLE.fullmatch(names.table(repository))
    plain = f"{owner}-{name}-ci-launch-template"
    assert (names.launch_template(repository) == plain) is (len(plain) <= 128)


@pytest.mark.parametrize(
    ("named", "ending", "limit"),
    [
        pytest.param(names.launch_template, "-ci-launch-template", 128, id="EC2"),
        pytest.param(lambda each: names.queue(each, "large"), "-large-ci-pool", 80, id="SQS"),
    ],
)
def test_a_name_of_the_longest_length_is_plain_and_a_longer_one_is_cut_to_it(
    named: Callable[[Repository], str], ending: str, limit: int
) -> None:
    room = limit - len(f"o-{ending}")
    assert named(Repository("o", "r" * room)) == f"o-{'r' * room}{ending}"
    cut = named(Repository("o", "r" * (room + 1)))
    assert (len(cut), cut.startswith("o-r")) == (limit, True)


@given(st.from_regex(r"[1-9][0-9]{0,19}", fullmatch=True), st.from_regex(r"[A-Za-z0-9_.]{1,40}", fullmatch=True))
def test_a_label_is_the_run_and_the_name_and_one_that_the_agent_takes(run: str, name: str) -> None:
    assert names.label(run) == names.label(run, "") == run
    assert names.label(run, name) == f"{run}-{name}"
    assert RUN.fullmatch(names.label(run, name))


def test_the_label_of_a_waiting_machine_names_the_run_of_refresh_and_the_class() -> None:
    classes = ["large", "a-b", "b", "x" * 80]
    assert names.warm_label("77", "large") == "warm-77-large"
    assert names.warm_label("", "large") == "warm-0-large"
    for each in classes:
        label = names.warm_label("1234567890123", each)
        assert RUN.fullmatch(label)
        assert names.warm_class(label, classes) == each
    assert names.warm_class("77-large", classes) == ""
    assert names.warm_class("warm-77-medium", classes) == ""
