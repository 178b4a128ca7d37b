"""Run `entrypoint.py` several times against embedded stand-ins for AWS and GitHub, and check what it does.

Each act is a child process, started exactly as the action starts it. The demo ends by itself and leaves nothing
running.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from refresh import inputs
from refresh.pool import names, records
from tests.fakes import instance_items
from tests.fakes.aws_server import AwsServer
from tests.fakes.desired import REGION, REPOSITORY, TEMPLATE
from tests.fakes.github_server import GitHubServer
from tests.fakes.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.ports import Clients

EXPIRED = 3
FOREIGN_IMAGE = "ami-0fedcba9876543210"


class ActFailed(Exception):
    """An act did not do what its title says."""


def main() -> int:
    """Play the acts."""
    began = time.monotonic()
    with AwsServer() as aws, GitHubServer() as github:
        world = World(aws, github)
        print(f"The pool of {REPOSITORY} in {REGION}, with stand-ins for AWS at {aws.url} and GitHub at {github.url}.")
        clients = world.clients()
        try:
            _act(world, "1. An empty account: everything is created", lambda: _created(world, clients))
            _act(world, "2. Again: nothing changes", lambda: _unchanged(world))
            _edit_template(clients)
            _act(
                world,
                f"3. Someone changed the template to {FOREIGN_IMAGE} by hand: it is repaired",
                lambda: _repaired(world, clients),
            )
            _fill_pool(world, clients)
            _act(
                world,
                f"4. {EXPIRED} expired instances and a working one, in plan mode: changes are listed but not made",
                lambda: _untouched(world),
                mode="plan",
            )
            _act(
                world,
                "5. The same in apply mode: the expired instances end and are cleaned up",
                lambda: _collected(world, clients),
            )
        except ActFailed as failure:
            print(f"\nFAILED: {failure}")
            return 1
    print(f"\nAll acts did what their titles say, in {time.monotonic() - began:.1f} s. Nothing was left running.")
    return 0


def _act(world: World, title: str, check: Callable[[], None], mode: str = "apply") -> None:
    print(f"\n=== {title}\n")
    world.aws.forget_calls()
    world.github.calls.clear()
    began = time.monotonic()
    code, printed = world.run(mode=mode)
    print("".join(f"    {line}\n" for line in printed.splitlines()))
    print(
        f"    exit code {code}, {time.monotonic() - began:.1f} s, {len(world.aws.calls)} calls to AWS "
        f"({len(world.aws.writes)} of them writes), {len(world.github.calls)} to GitHub"
    )
    _require(code == 0, f"exit code {code}")
    check()


def _created(world: World, clients: Clients) -> None:
    items = world.items(clients)
    print("\n    The table now contains:")
    for key, item in sorted(items.items()):
        print(f"      {key}: {_shown(item)}")
    versions = clients.ec2.describe_launch_template_versions(LaunchTemplateName=TEMPLATE)["LaunchTemplateVersions"]
    print(f"    Launch template {TEMPLATE}: {len(versions)} version, image {_default_image(clients)}")
    queues = clients.sqs.list_queues().get("QueueUrls", [])
    print(f"    Queues: {', '.join(url.rpartition('/')[2] for url in queues)}")
    # All METADATA items and SETTINGS.
    wanted, classes = len(names.METADATA_IDENTIFIERS) + 1, len(inputs.load(world.environ()).desired.resource_classes)
    _require(len(items) == wanted, f"{wanted} items expected, {len(items)} found")
    _require(len(queues) == classes, f"{classes} queues expected, {len(queues)} found")


def _unchanged(world: World) -> None:
    _require(not world.aws.writes, f"no write expected: {world.aws.writes}")
    _require(not world.github.calls, f"no call to GitHub expected: {world.github.calls}")
    print(f"    {', '.join(f'{name} {number}' for name, number in sorted(world.aws.counted().items()))}")


def _untouched(world: World) -> None:
    _require(not world.aws.writes, f"no write expected: {world.aws.writes}")


def _edit_template(clients: Clients) -> None:
    clients.ec2.create_launch_template_version(
        LaunchTemplateName=TEMPLATE, LaunchTemplateData={"ImageId": FOREIGN_IMAGE, "InstanceType": "t3.micro"}
    )
    clients.ec2.modify_launch_template(LaunchTemplateName=TEMPLATE, DefaultVersion="2")


def _repaired(world: World, clients: Clients) -> None:
    image = _default_image(clients)
    print(f"    Launch template {TEMPLATE}: the default version launches {image} again")
    _require(image == world.inputs["ami"], f"the default version launches {image}")


def _fill_pool(world: World, clients: Clients) -> None:
    *expired, at_work = world.launch(clients, EXPIRED + 1)
    for each in expired:
        world.record(clients, each)
    later = records.wire_time(datetime.now(UTC) + timedelta(minutes=20))
    world.record(clients, at_work, state="running", runId="4711", threshold=later)
    role_id, now = world.role_id(), datetime.now(UTC)
    world.write(clients, [instance_items.report(each, now, role_id=role_id) for each in (*expired, at_work)])


def _collected(world: World, clients: Clients) -> None:
    states = sorted(world.states(clients).values())
    items = [key for key in world.items(clients) if "METADATA" not in key]
    print(f"    Instances in EC2: {', '.join(states)}")
    print("    Items in the table besides METADATA: " + "".join(f"\n      {key}" for key in sorted(items)))
    _require(states == ["running", *["terminated"] * EXPIRED], f"instances are {states}")
    kinds = [sum(kind in key for key in items) for kind in ("INSTANCE", "HEARTBEAT", "WS", "HISTORY", "AGENT")]
    # DynamoDB deletes reports a day after the last one.
    expected = [1, 1, 1, EXPIRED, EXPIRED + 1]
    _require(kinds == expected, f"records, heartbeats, signals, history items and reports are {kinds}")


def _default_image(clients: Clients) -> str:
    found = clients.ec2.describe_launch_template_versions(LaunchTemplateName=TEMPLATE, Versions=["$Default"])
    return found["LaunchTemplateVersions"][0]["LaunchTemplateData"]["ImageId"]


def _shown(item: records.Item) -> str:
    """Return an item's value, but never a token."""
    if item["SK"]["S"].endswith("gh_registration_token"):
        return f"(a token) until {item['value']['M']['expires_at']['S']}"
    value = str(item["value"])
    return value if len(value) < 150 else f"{value[:150]}..."  # noqa: PLR2004 - what fits on a line or two


def _require(met: bool, problem: str) -> None:  # noqa: FBT001 - it is the statement itself
    if not met:
        raise ActFailed(problem)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nStopped. Nothing was left running.")
        sys.exit(130)
