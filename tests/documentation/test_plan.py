"""The page of how it works shows the real output of a plan."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests import pages
from tests.fakes.desired import OTHER_IMAGE

if TYPE_CHECKING:
    from refresh.ports import Clients
    from tests.fakes.world import World

PAGE = pages.page("docs/how-it-works.md")
QUEUE = "octo-widgets-large-ci-pool"
_VARYING = re.compile(r"\b(i|lt)-[0-9a-f]{17}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|\(\d+\.\d s\)")


def _steady(text: str) -> list[str]:
    """Return the lines without what differs from run to run."""
    return [_VARYING.sub("~", line) for line in text.splitlines()]


def test_plan_on_the_page_is_that_of_a_run(refreshed: World, clients: Clients) -> None:
    """In a pool with an expired instance and an edited queue, with a new image."""
    (instance,) = refreshed.launch(clients)
    refreshed.record(clients, instance)
    url = clients.sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    clients.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "300"})
    code, printed = refreshed.run(mode="plan", ami=OTHER_IMAGE)
    shown = _steady(pages.blocks(PAGE, "text")[0])
    logged = _steady(printed)
    assert code == 0, printed
    # Components end in any order.
    assert all("\n".join(part) in "\n".join(logged) for part in _parts(shown)), printed
    left_out = re.compile("refresh.started|[a-z ]+: (as desired|not checked)")
    assert {*logged} - {*shown} == {line for line in logged if left_out.match(line)}


def _parts(lines: list[str]) -> list[list[str]]:
    """Return each component's line with those below it."""
    starts = [number for number, line in enumerate(lines) if not line.startswith(" ")]
    return [lines[start:end] for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)]
