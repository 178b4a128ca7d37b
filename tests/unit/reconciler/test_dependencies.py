"""What components hand over to the warm pool."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, cast

import pytest
from attrs import evolve, fields

from refresh import errors
from refresh.desired import Mode
from refresh.engine.component import Converged
from refresh.engine.report import ComponentReport
from refresh.engine.shared_read import SharedRead
from refresh.reconciler.dependencies import Dependencies
from refresh.reconciler.garbage_collector.actual import Actual as Collected
from refresh.reconciler.launch_template.changes import RecordTemplate
from refresh.reconciler.warm_pool.actual import Template
from tests.fakes.serial import Serial

if TYPE_CHECKING:
    from refresh.reconciler.prefetch import Prefetch

VERSIONS: Any = [
    {"LaunchTemplateId": "lt-ours", "VersionNumber": number, "DefaultVersion": number == 3, "LaunchTemplateData": {}}
    for number in (4, 3)
]


def _given(report: ComponentReport, versions: Any = VERSIONS, collected: Collected | None = None) -> Dependencies:
    """Give the dependencies with what these two components have come to."""
    started: dict[str, Future[Converged[Any]]] = {}
    for name, result in (
        ("launch template", Converged(report)),
        ("garbage collector", Converged(ComponentReport(name="garbage collector"), collected)),
    ):
        started[name] = Future()
        started[name].set_result(result)

    def read() -> Any:
        if isinstance(versions, Exception):
            raise versions
        return versions

    prefetch = cast("Prefetch", _Prefetch(SharedRead(Serial(), read)))
    nothing: dict[str, Any] = dict.fromkeys(str(each.alias) for each in fields(Dependencies))
    return Dependencies(**{**nothing, "prefetch": prefetch, "started": started})


class _Prefetch:
    def __init__(self, versions: SharedRead[Any]) -> None:
        self.versions = versions


REPORT = ComponentReport(name="launch template")
FAILED = evolve(REPORT, error=errors.Refused("the image is gone"))
RECORDED = RecordTemplate("lt-ours", 5, (), (), None)


def test_the_template_is_that_of_ec2() -> None:
    assert _given(REPORT).template() == Template(id="lt-ours", version=3)


@pytest.mark.parametrize(
    ("report", "versions", "template"),
    [
        (FAILED, VERSIONS, Template(id="lt-ours", version=3, doubt="the launch template is not as desired")),
        (REPORT, [], Template(doubt="there is no launch template")),
        (REPORT, errors.Throttled("ec2:X", "RequestLimitExceeded"), Template(doubt="EC2 did not describe")),
        (FAILED, errors.Throttled("ec2:X", "RequestLimitExceeded"), Template(doubt="the launch template is not")),
    ],
)
def test_in_doubt_the_reason_is_given(report: ComponentReport, versions: Any, template: Template) -> None:
    found = _given(report, versions).template()
    assert found.doubt.startswith(template.doubt)
    assert evolve(found, doubt="") == evolve(template, doubt="")


def test_a_plan_counts_with_the_template_as_it_will_be() -> None:
    planning = evolve(REPORT, mode=Mode.PLAN, planned=(RECORDED,))
    assert _given(planning).template() == Template(id="lt-ours", version=5)
    assert _given(evolve(planning, planned=(), following=(RECORDED,))).template().version == 5
    assert _given(evolve(planning, mode=Mode.APPLY)).template().version == 3
    assert _given(evolve(planning, planned=())).template().version == 3


def test_without_instances_the_warm_pool_waits_for_the_collectors_error() -> None:
    seen = Collected()
    assert _given(REPORT, collected=seen).require_collected() is seen
    with pytest.raises(errors.Blocked, match="the garbage collector could not read the instances"):
        _given(REPORT).require_collected()
