"""What becomes of anything that a job could write to the table, if its role allowed it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, cast

import pytest
from attrs import evolve

from refresh import errors
from refresh.agent import user_data
from refresh.desired import Mode
from refresh.output.job_summary import markdown
from refresh.pool import names, records
from refresh.workflow.commands import SUMMARY_LIMIT
from tests.fakes.desired import LARGE_QUEUE, TEMPLATE
from tests.fakes.memory import ec2, sqs
from tests.reports import failed
from tests.simulation import worlds
from tests.simulation.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Mapping


EVIL = "evil-example"
STRANGER = f"{sqs.HOST}/999999999999/{LARGE_QUEUE}"
REFUSALS = (
    errors.PermissionDenied("sqs:GetQueueAttributes", "AccessDenied", "no"),
    errors.Rejected("sqs:GetQueueAttributes", "InvalidAddress", "no"),
    errors.NotFound("sqs:GetQueueAttributes", "QueueDoesNotExist", "no"),
)
HUGE = "##[error]" + "x" * 390_000
SHAPES: Mapping[str, dict[str, Any]] = {
    "a huge text": {"S": HUGE},
    "another type": {"NULL": True},
    "a list": {"L": [{"L": []}, {"S": HUGE}]},
    "an empty map": {"M": {}},
    "a map of nonsense": {"M": {name: {"BOOL": True} for name in ("formerIds", "token", "x64", "large", "repository")}},
    "a map of maps": {"M": {name: {"M": {"url": {"L": []}, "queueUrl": {"N": "1"}}} for name in ("x64", "large")}},
}


@pytest.fixture
def pool() -> Pool:
    """Give a pool that is as desired."""
    return worlds.build("up to date")


def _write(pool: Pool, identifier: str, value: Mapping[str, Any]) -> None:
    """Write a parameter as a job could."""
    item = records.item(records.METADATA, identifier, pool.account.clock.now())
    pool.table.put({**item, "value": dict(value)})


def _value(pool: Pool, identifier: str) -> Any:
    return pool.table.of(records.METADATA)[identifier]["value"]


def _user_data(pool: Pool) -> str:
    template = pool.account.state.templates[TEMPLATE]
    return user_data.unpack(base64.b64decode(template.versions[template.default]["UserData"])).decode()


def _poison_release(pool: Pool, url: str) -> None:
    archive = {"url": url, "sha256": "e" * 64}
    moment = pool.in_time(0)
    value = {"version": "2.999.0", "x64": archive, "arm64": archive, "asked_at": moment, "firstSeen": {}}
    _write(pool, names.RUNNER_RELEASE_IDENTIFIER, records.to_wire(value))


@pytest.mark.shows("A12")
@pytest.mark.parametrize(
    "url",
    [
        f"https://{EVIL}/actions-runner-linux-x64-2.999.0.tar.gz",
        f"https://github.com/{EVIL}/runner/releases/download/v2.999.0/actions-runner-linux-x64-2.999.0.tar.gz",
        f"https://github.com.{EVIL}/actions/runner/releases/download/v2.999.0/actions-runner-linux-x64-2.999.0.tar.gz",
        f"https://github.com/actions/runner/../../{EVIL}/actions-runner-linux-x64-2.999.0.tar.gz",
    ],
)
def test_a_recorded_runner_from_another_address_never_reaches_an_instance(pool: Pool, url: str) -> None:
    """Its checksum is right and its record new, and it would run as root on every new instance."""
    before = _user_data(pool)
    _poison_release(pool, url)
    assert pool.run().exit_code == 0
    assert _user_data(pool) == before
    assert EVIL not in repr(_value(pool, names.RUNNER_RELEASE_IDENTIFIER))


@pytest.mark.shows("A12")
def test_a_recorded_runner_from_another_address_is_not_used_while_github_is_down(pool: Pool) -> None:
    """The run fails and the template stays as it is."""
    before = _user_data(pool)
    _poison_release(pool, f"https://{EVIL}/runner.tar.gz")

    class Down:
        def __getattr__(self, _: str) -> Any:
            raise errors.Unavailable("GitHub", "503")

    pool.intercept = lambda clients: evolve(clients, github=cast("Any", Down()))
    report = pool.run()
    assert failed(report) == ["runner release", "launch template"]
    assert _user_data(pool) == before


class _Foreign(sqs.Sqs):
    """SQS, where the queue of another account refuses or answers."""

    refusal: errors.ApiError | None = None

    def get_queue_attributes(self, **request: Any) -> dict[str, Any]:
        if self.refusal and request["QueueUrl"] == STRANGER:
            raise self.refusal
        return super().get_queue_attributes(**request)


def _with_foreign_queue(pool: Pool, refusal: errors.ApiError | None = None) -> None:
    config = _value(pool, names.RESOURCE_CLASS_CONFIG_IDENTIFIER)
    config["M"]["large"]["M"]["queueUrl"] = {"S": STRANGER}
    foreign = _Foreign(pool.account)
    foreign.refusal = refusal
    pool.intercept = lambda clients: evolve(clients, sqs=cast("Any", foreign))


def _recorded_queue(pool: Pool) -> str:
    return str(_value(pool, names.RESOURCE_CLASS_CONFIG_IDENTIFIER)["M"]["large"]["M"]["queueUrl"]["S"])


@pytest.mark.shows("A15")
@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda each: type(each).__name__)
def test_a_recorded_queue_of_another_account_that_refuses_is_replaced(pool: Pool, refusal: errors.ApiError) -> None:
    """By the pool's queue, which is found by its name. The documented policy allows only queues of the own account."""
    _with_foreign_queue(pool, refusal)
    report = pool.run()
    assert report.exit_code == 0, markdown(report)
    assert _recorded_queue(pool) == sqs.url(LARGE_QUEUE)


@pytest.mark.shows("A15")
def test_a_recorded_queue_outside_the_allowed_accounts_is_replaced_unread(pool: Pool) -> None:
    """A role that may read every queue would get an answer."""
    _with_foreign_queue(pool)
    assert "resource pools" not in failed(pool.run(allowed_account_ids=("123456789012",)))
    assert _recorded_queue(pool) == sqs.url(LARGE_QUEUE)


class _Asked(ec2.Ec2):
    """EC2, which records filters."""

    filters: list[list[str]]

    def describe_instances(self, **request: Any) -> dict[str, Any]:
        self.filters += [each["Values"] for each in request["Filters"]]
        return super().describe_instances(**request)


@pytest.mark.shows("A5")
def test_bad_ids_in_the_list_of_former_templates_are_not_asked_for(pool: Pool) -> None:
    """A filter takes wildcards. One that is too long would be refused, and nothing would be collected any more."""
    ours = pool.launch()
    pool.record(ours)
    current = pool.account.state.templates[TEMPLATE].id
    value = _value(pool, names.LAUNCH_TEMPLATE_IDENTIFIER)
    former = ["*", "lt-*", "lt-????????", "", HUGE, "lt-00000001\n", "lt-0fedcba9876543210"]
    _write(pool, names.LAUNCH_TEMPLATE_IDENTIFIER, {"M": {**value["M"], "formerIds": records.to_wire(former)}})
    asked = _Asked(pool.account)
    asked.filters = []
    pool.intercept = lambda clients: evolve(clients, ec2=cast("Any", asked))
    pool.run()
    assert {each for values in asked.filters for each in values} == {current, "lt-0fedcba9876543210"}
    assert pool.ec2.state(ours.id) != "running"


@pytest.mark.shows("A16")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("identifier", names.METADATA_IDENTIFIERS)
def test_a_parameter_of_any_shape_is_replaced_or_refused(pool: Pool, identifier: str, shape: str) -> None:
    """Without a defect, and without quoting it at length."""
    before = _value(pool, identifier)
    _write(pool, identifier, SHAPES[shape])
    report = pool.run()
    assert not [each.error for each in report.components if "defect" in str(each.error)]
    assert len(markdown(report)) < SUMMARY_LIMIT
    if identifier == names.POOL_IDENTIFIER:
        # Only a person can say which pool the table belongs to.
        assert report.exit_code == 1
        assert pool.account.writes == []
        return
    assert report.exit_code == 0, markdown(report)
    after = _value(pool, identifier)
    assert _without_times(after) == _without_times(before)


@pytest.mark.shows("A18")
@pytest.mark.parametrize("artifacts", ["none", "nonsense", "of yesterday"])
def test_heartbeats_and_signals_neither_end_nor_keep_an_instance(pool: Pool, artifacts: str) -> None:
    """Whether they are deleted or forged."""
    living, due = pool.launch(), pool.launch()
    pool.record(living, state="running", runId="42", threshold=pool.in_time(600), artifacts=False)
    pool.record(due, artifacts=False)
    for entity in (records.HEARTBEAT, records.SIGNAL):
        for each in (living, due):
            item = records.item(entity, each.id, pool.account.clock.now(), value="PING")
            if artifacts == "nonsense":
                item |= {"updatedAt": {"L": []}, "value": {"S": HUGE}, "state": {"S": "terminated"}}
            if artifacts == "of yesterday":
                item |= {"updatedAt": {"S": pool.in_time(-86_400)}}
            if artifacts != "none":
                pool.table.put(item)
    report = pool.run()
    assert report.exit_code == 0, markdown(report)
    assert [each.id for each in report.ended] == [due.id]
    assert pool.ec2.state(living.id) == "running"


@pytest.mark.shows("A9")
def test_huge_records_are_collected_and_the_summary_keeps_its_limit(pool: Pool) -> None:
    """Each is as large as DynamoDB allows."""
    due = [pool.launch() for _ in range(12)]
    for each in due:
        pool.record(each, resourceClass=HUGE)
    pool.record(pool.launch(), state=HUGE)
    assert len(markdown(pool.run(mode=Mode.PLAN))) < SUMMARY_LIMIT
    report = pool.run()
    assert {each.id for each in report.ended} == {each.id for each in due}
    assert len(markdown(report)) < SUMMARY_LIMIT


def _without_times(value: Any) -> Any:
    """Leave out when something was asked or issued."""
    times = ("asked_at", "firstSeen", "timestamp", "expires_at", "token", "formerIds")
    return {key: each for key, each in value["M"].items() if key not in times} if "M" in value else value
