"""The container and the composite action do the same."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.composite.steps import Job
    from tests.container.hosted import Step
    from tests.container.stage import RemoteStage
    from tests.fakes.world import World

pytestmark = [pytest.mark.xdist_group("container"), pytest.mark.timeout(600)]


def _essence(outputs: Mapping[str, str]) -> dict[str, Any]:
    """Leave out what names the account: ids and addresses."""
    names = ("changed", "drift", "launch-template-version", "terminated-count", "failed-components", "report-path")
    plan = [(each["component"], each["action"], each["resource"]) for each in json.loads(outputs["plan"])]
    return {name: outputs[name] for name in names} | {"names": set(outputs), "plan": plan}


def test_the_composite_action_does_what_the_container_does(  # noqa: PLR0913, PLR0917 - both and their surroundings
    step: Callable[..., Step],
    stage: RemoteStage,
    contained: World,
    job: Callable[..., Job],
    release: Path,
    world: World,
) -> None:
    """On an empty account, planned and applied: the same outputs, the same writes, the same items."""
    for mode in ("plan", "apply"):
        stage.forget_calls()
        world.forget_calls()
        one, other = step(mode=mode), job(release, mode=mode)
        assert (one.finish(), other.code) == (0, 0), one.printed + other.printed
        assert _essence(one.outputs) == _essence(other.result)
        assert Counter(each for each in stage.writes if "GitHub" not in each) == Counter(world.aws.writes)
    assert set(contained.items(contained.clients())) == set(world.items(world.clients()))
