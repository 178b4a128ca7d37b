"""Makes docs/images/summary.png: the job summary of a busy run, as GitHub shows it (`make summary-image`).

The run is a real one, of `entrypoint.py` against the demo's stand-ins for AWS and GitHub. Chromium takes the picture:
`apt-get install chromium fonts-noto-color-emoji` on Debian.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from markdown_it import MarkdownIt
from moto.backends import get_backend

from refresh.pool import records
from tests.fakes.aws_server import AwsServer
from tests.fakes.desired import ACCOUNT_ID, REGION
from tests.fakes.github_server import GitHubServer
from tests.fakes.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from refresh.ports import Clients

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "summary.png"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_WIDTH = 1080
_DENIED = (
    b'{"__type": "AccessDenied", "message": "User: arn:aws:sts::123456789012:assumed-role/runner-pool-refresh/'
    b'GitHubActions is not authorized to perform: sqs:SetQueueAttributes"}'
)
_PAGE = """\
<!doctype html>
<meta charset="utf-8">
<style>
body {{ margin: 0; padding: 20px; color: #1f2328; background: #fff; word-wrap: break-word;
  font: 14px/1.5 -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", Helvetica, Arial, sans-serif, "Noto Color Emoji"; }}
h3, h4 {{ margin: 24px 0 16px; font-weight: 600; line-height: 1.25; }}
h3 {{ margin-top: 0; font-size: 1.25em; }}
h4 {{ font-size: 1em; }}
p, ul, table, details, pre {{ margin: 0 0 16px; }}
ul {{ padding-left: 2em; }}
a {{ color: #0969da; text-decoration: none; }}
code {{ padding: .2em .4em; border-radius: 6px; background: #818b981f; font: 85% "DejaVu Sans Mono", monospace; }}
summary {{ margin-bottom: 16px; }}
details:not([open]) > summary {{ margin-bottom: 0; }}
table {{ border-collapse: collapse; }}
th {{ font-weight: 600; }}
th, td {{ padding: 6px 13px; border: 1px solid #d1d9e0; }}
tr:nth-child(2n) {{ background: #f6f8fa; }}
</style>
{}
<script>document.documentElement.dataset.height = document.documentElement.scrollHeight</script>
"""
"""The style of a summary on GitHub, with its colors and sizes."""


class Instance(NamedTuple):
    """An instance of the busy pool."""

    resource_class: str
    state: str
    run: str = ""
    minutes: int = 20
    """Until its threshold; negative if that has passed."""
    hours: int = 5
    """Since its launch."""


_ENDING = (
    Instance("xlarge", "running", "17234567000", -9),
    Instance("large", "running", "17234567018", -3),
    Instance("large", "idle", "", -10, 30),
    Instance("large", "idle", "", -4, 2),
    Instance("2xlarge", "created", "17234567026", -8, 1),
    Instance("xlarge", "idle", "", 3, 190),
)
_VANISHED = Instance("xlarge", "running", "17234576999", 20)
_LIVING = (
    *(Instance("large", "running", f"1723457{number:04}", 25 - number, 3 * number) for number in range(9)),
    *(Instance("large", "idle", "", 6, 4 * number) for number in range(6)),
    *(Instance("large", "claimed", f"1723458{number:04}", 4, number) for number in range(2)),
    *(Instance("xlarge", "running", f"1723459{number:04}", 18, 6 * number) for number in range(5)),
    *(Instance("2xlarge", state, "17234600001", 9, 2) for state in ("running", "running", "created")),
)


class Unavailable(Exception):
    """The picture cannot be taken on this machine."""


def main() -> int:
    """Take the picture."""
    try:
        take(rendered(summary()), PICTURE)
    except Unavailable as reason:
        sys.stderr.write(f"{reason}\n")
        return 1
    sys.stdout.write(f"written: {PICTURE}\n")
    return 0


def summary() -> str:
    """Return the summary that a run writes in a busy pool, where AWS also refuses a call."""
    with AwsServer() as aws, GitHubServer() as github, tempfile.TemporaryDirectory() as folder:
        world = World(aws, github)
        world.run()
        _fill(world, world.clients())
        aws.before_call = lambda operation: (400, _DENIED) if operation == "sqs:SetQueueAttributes" else None
        page = Path(folder) / "summary.md"
        world.run({"GITHUB_STEP_SUMMARY": str(page)})
        return page.read_text(encoding="utf-8")


def _fill(world: World, clients: Clients) -> None:
    """Launch and record the instances, end one in EC2, and edit queues."""
    now = datetime.now(UTC)
    known = get_backend("ec2")[ACCOUNT_ID][REGION]
    everyone = (*_ENDING, _VANISHED, *_LIVING)
    for each, identifier in zip(everyone, world.launch(clients, len(everyone)), strict=True):
        known.get_instance(identifier).launch_time = now - timedelta(hours=each.hours)
        threshold = records.wire_time(now + timedelta(minutes=each.minutes))
        size, state = each.resource_class, each.state
        world.record(clients, identifier, threshold=threshold, state=state, runId=each.run, resourceClass=size)
        if each is _VANISHED:
            clients.ec2.terminate_instances(InstanceIds=[identifier])
    for url in clients.sqs.list_queues()["QueueUrls"][:3]:
        clients.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "300"})


def rendered(markdown: str) -> str:
    """Return a page with the summary as GitHub renders it."""
    return _PAGE.format(MarkdownIt("commonmark").enable("table").render(markdown))


def take(page: str, picture: Path) -> None:
    """Save a picture of a page; raises `Unavailable` without a browser that can do it."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise Unavailable(
            f"no browser: none of {', '.join(BROWSERS)} is here "
            "(on Debian: apt-get install chromium fonts-noto-color-emoji)"
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "summary.html"
        file.write_text(page, encoding="utf-8")
        flags = list(_flags(folder))
        shown = _run([browser, *flags, f"--window-size={_WIDTH},100", "--dump-dom", file.as_uri()])
        height = re.search(r'data-height="(\d+)"', shown)
        if height is None:
            raise Unavailable(f"{browser} did not render the page: {shown[-500:]}")
        _run([browser, *flags, f"--window-size={_WIDTH},{height[1]}", f"--screenshot={picture}", file.as_uri()])


def _flags(folder: str) -> Iterator[str]:
    yield from ("--headless", "--hide-scrollbars", "--disable-gpu", "--force-device-scale-factor=1.25")
    yield f"--user-data-dir={folder}/profile"
    if os.geteuid() == 0:
        yield "--no-sandbox"  # Chromium refuses to run as root with it


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603 - a browser, on our own page
    if done.returncode:
        raise Unavailable(f"{command[0]} failed with exit code {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
