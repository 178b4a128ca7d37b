"""Names: the contract's where they are legal, and never shared by two pools where they are mapped."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refresh.pool import names
from refresh.pool.names import Repository

OWNERS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,38}", fullmatch=True)
REPOSITORIES = st.from_regex(r"[A-Za-z0-9._-]{1,100}", fullmatch=True)
CLASSES = st.from_regex(r"[A-Za-z0-9_-]{1,80}", fullmatch=True)
QUEUE = re.compile(r"[A-Za-z0-9_-]{1,80}")
TEMPLATE = re.compile(r"[a-zA-Z0-9().\-/_]{3,128}")
TABLE = re.compile(r"[a-zA-Z0-9_.-]{3,255}")


def test_the_names_are_the_contract_s_to_the_letter() -> None:
    """Provision and release derive and read them."""
    repository = Repository("Octo", "Widgets")
    assert names.table(repository) == "Octo-Widgets-ci-table"
    assert names.launch_template(repository) == "Octo-Widgets-ci-launch-template"
    assert names.queue(repository, "2xlarge") == "Octo-Widgets-2xlarge-ci-pool"
    assert (names.partition_key("INSTANCE"), names.sort_key("i-1")) == ("TYPE#INSTANCE", "ID#i-1")


def test_mapped_names_stay_as_they_were_released() -> None:
    """Another mapping would leave queues with living runners behind."""
    repository = Repository("o", "my.repo")
    assert names.queue(repository, "large") == "o-my_repo-large-ci-pool-46cf87beef36664c"
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
def test_pools_that_could_share_a_queue_do_not(one: tuple[Repository, str], other: tuple[Repository, str]) -> None:
    """Provision would claim the other's runners."""
    assert names.queue(*one) != names.queue(*other)


@given(OWNERS, REPOSITORIES, CLASSES)
def test_every_legal_repository_has_legal_names(owner: str, name: str, resource_class: str) -> None:
    """Whatever GitHub allows and AWS does not."""
    repository = Repository(owner, name)
    assert QUEUE.fullmatch(names.queue(repository, resource_class))
    assert TEMPLATE.fullmatch(names.launch_template(repository))
    assert TABLE.fullmatch(names.table(repository))


@pytest.mark.shows("A35")
@given(st.lists(st.tuples(OWNERS, REPOSITORIES, st.sampled_from(["a", "b-a", "large"])), unique=True, max_size=8))
def test_two_pools_of_one_owner_never_share_a_queue(pools: list[tuple[str, str, str]]) -> None:
    """But for owners with a dash, whose tables tell them apart: the table's name is the contract's."""
    of_one = {(name, each) for _, name, each in pools}
    queues = [names.queue(Repository("octo", name), each) for name, each in of_one]
    assert len(set(queues)) == len(queues)


@given(OWNERS, REPOSITORIES)
def test_a_template_s_name_is_plain_wherever_it_fits(owner: str, name: str) -> None:
    """Cut only above EC2's 128 characters, and then it ends in a hash of the whole."""
    plain = f"{owner}-{name}-ci-launch-template"
    assert (names.launch_template(Repository(owner, name)) == plain) is (len(plain) <= 128)


@pytest.mark.parametrize(("length", "kept"), [(128, True), (129, False)])
def test_a_template_name_of_128_characters_is_kept_and_a_longer_one_is_cut_to_that(length: int, *, kept: bool) -> None:
    """EC2 takes no more."""
    repository = Repository("o", "r" * (length - len("o--ci-launch-template")))
    name = names.launch_template(repository)
    assert (len(name), name == f"{repository.owner}-{repository.name}-ci-launch-template") == (128, kept)


@pytest.mark.parametrize(("length", "kept"), [(80, True), (81, False)])
def test_a_queue_name_of_80_characters_is_kept_and_a_longer_one_is_cut_to_that(length: int, *, kept: bool) -> None:
    """SQS takes no more."""
    repository = Repository("o", "r" * (length - len("o--large-ci-pool")))
    name = names.queue(repository, "large")
    assert (len(name), name == names.plain_queue(repository, "large")) == (80, kept)
