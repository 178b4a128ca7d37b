"""The credentials of the instance's role."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest
from attrs import define, field

from refresh.agent.aws import Unanswered
from refresh.agent.clock import wire
from refresh.agent.credentials import Credentials, Keys
from tests.fakes.canaries import AWS_SECRET_KEY, AWS_SESSION_TOKEN
from tests.unit.agent.stand_ins import FakeClock, FakeMetadata

if TYPE_CHECKING:
    from collections.abc import Callable

ROLE = "iam/security-credentials/"
HOUR, MINUTE = 3600, 60


@define
class Instance:
    """An instance with a role."""

    clock: FakeClock = field(factory=FakeClock)
    metadata: FakeMetadata = field(factory=FakeMetadata)
    credentials: Credentials = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.credentials = Credentials(self.metadata, self.clock)  # type: ignore[arg-type]
        self.metadata.values[ROLE] = "runner\n"
        self.issue("first", 6 * HOUR)

    def issue(self, name: str, seconds: float, **changed: object) -> None:
        """Have the metadata service show keys that are valid for so long."""
        shown = {
            "Code": "Success",
            "AccessKeyId": name,
            "SecretAccessKey": AWS_SECRET_KEY,
            "Token": AWS_SESSION_TOKEN,
            "Expiration": wire(self.clock.now() + seconds),
        }
        self.metadata.values[f"{ROLE}runner"] = json.dumps(shown | changed)

    def current(self) -> str:
        """Return what the current keys are called."""
        return self.credentials.current().access_key

    @property
    def asked(self) -> int:
        """How often keys were asked for."""
        return self.metadata.asked.count(ROLE)


@define
class SlowMetadata:
    """A metadata service that answers as a test says."""

    get: Callable[[str], str | None]


@pytest.fixture
def instance() -> Instance:
    return Instance()


def test_the_keys_are_the_roles(instance: Instance) -> None:
    keys = instance.credentials.current()
    assert vars(keys) == {
        "access_key": "first",
        "secret_key": AWS_SECRET_KEY,
        "token": AWS_SESSION_TOKEN,
        "expires_at": instance.clock.now() + 6 * HOUR,
    }


def test_keys_are_asked_for_once(instance: Instance) -> None:
    for _ in range(100):
        instance.current()
    assert instance.asked == 1


def test_a_thread_waits_for_the_keys_that_another_asks_for(instance: Instance) -> None:
    first_asks, second_asks = threading.Event(), threading.Event()
    found = instance.metadata.get

    def get(path: str) -> str | None:
        if first_asks.is_set():
            second_asks.set()
        first_asks.set()
        second_asks.wait(0.1)
        return found(path)

    instance.credentials = Credentials(SlowMetadata(get), instance.clock)  # type: ignore[arg-type]
    threads = [threading.Thread(target=instance.current) for _ in range(2)]
    threads[0].start()
    first_asks.wait()
    threads[1].start()
    for thread in threads:
        thread.join()
    assert instance.asked == 1


def test_keys_are_renewed_as_soon_as_ec2_must_have_others(instance: Instance) -> None:
    """EC2 has them five minutes before the end; the agent looks from ten minutes before the end on."""
    instance.current()
    instance.clock.uptime_now += 6 * HOUR - 11 * MINUTE
    instance.issue("second", 6 * HOUR)
    assert instance.current() == "first"
    instance.clock.uptime_now += 2 * MINUTE
    assert instance.current() == "second"


def test_near_their_end_keys_are_asked_for_once_a_minute(instance: Instance) -> None:
    """EC2 may still show the old ones."""
    instance.current()
    instance.clock.uptime_now += 6 * HOUR - 8 * MINUTE
    for _ in range(12):
        instance.current()
        instance.clock.uptime_now += 15
    assert instance.asked == 1 + 3


def test_while_the_metadata_service_is_silent_the_keys_are_kept(instance: Instance) -> None:
    instance.current()
    instance.metadata.silent = True
    instance.clock.uptime_now += 6 * HOUR - MINUTE
    for _ in range(8):
        assert instance.current() == "first"
        instance.clock.uptime_now += 15
    assert instance.asked == 1 + 2


def test_a_silence_at_the_beginning_is_no_answer_and_asked_about_each_time(instance: Instance) -> None:
    instance.metadata.silent = True
    for _ in range(2):
        with pytest.raises(Unanswered):
            instance.current()
    instance.metadata.silent = False
    assert instance.current() == "first"


def test_refused_keys_are_replaced_at_once(instance: Instance) -> None:
    instance.current()
    instance.issue("second", 6 * HOUR)
    instance.credentials.forget()
    assert (instance.current(), instance.current(), instance.asked) == ("second", "second", 2)


def test_refused_keys_are_kept_while_the_metadata_service_is_silent(instance: Instance) -> None:
    """The refusal may be a mistake, and there are no others."""
    instance.current()
    instance.metadata.silent = True
    instance.credentials.forget()
    assert instance.current() == "first"


@pytest.mark.parametrize("answer", [None, "", "[]", "null", "{}", '{"Code": "AssumeRoleUnauthorizedAccess"}', "<html>"])
def test_an_answer_without_keys_names_the_role_and_the_remedy(instance: Instance, answer: str | None) -> None:
    instance.metadata.values.pop(f"{ROLE}runner")
    if answer is not None:
        instance.metadata.values[f"{ROLE}runner"] = answer
    with pytest.raises(Unanswered, match="role 'runner'; attach an instance profile"):
        instance.current()


@pytest.mark.parametrize("roles", [{}, {ROLE: "\n"}])
def test_an_instance_without_a_role_has_no_keys(instance: Instance, roles: dict[str, str]) -> None:
    instance.metadata.values = roles
    with pytest.raises(Unanswered, match="attach an instance profile"):
        instance.current()


def test_keys_without_a_readable_end_are_renewed_each_minute(instance: Instance) -> None:
    instance.issue("first", 0, Expiration="soon")
    for _ in range(4):
        assert instance.current() == "first"
        instance.clock.uptime_now += 30
    assert instance.asked == 2


def test_keys_do_not_show_their_secrets() -> None:
    keys = Keys("AKIA", AWS_SECRET_KEY, AWS_SESSION_TOKEN, 0)
    assert all(secret not in f"{keys} {keys!r}" for secret in (AWS_SECRET_KEY, AWS_SESSION_TOKEN))
