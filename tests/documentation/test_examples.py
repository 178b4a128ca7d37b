"""The shell of the examples' steps, run with a stand-in for GitHub's CLI and a server for webhooks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from attrs import define, field

from refresh.output import json_report
from tests import pages, suites

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.world import World

GH = """\
#!/bin/sh
for last; do :; done
case "$*" in
'api --paginate repos/octo/widgets/issues/7/comments '*) jq --raw-output "$last" comments.json ;;
'run list --repo octo/widgets --workflow refresh.yml --status completed --limit 100 '*) jq "$last" runs.json ;;
*) echo "$*" >>calls ;;
esac
"""
"""The GitHub CLI, as far as the examples use it."""
MARK = "<!-- plan of the runner pool -->"
HOSTILE = (
    "`touch owned` $(touch owned) \" ' \\ <!channel> <https://evil.example|click> ```\n@octo **[x](y)**\n::error::"
)
PATH = "/services/ADDRESS-OF-THE-WEBHOOK"


@define
class Webhook(HTTPServer):
    """A chat's server, which takes messages or answers with another status."""

    status: int = 200
    got: list[dict[str, Any]] = field(factory=list)

    def __attrs_pre_init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def address(self) -> str:
        """The secret address."""
        return f"http://127.0.0.1:{self.server_port}{PATH}"


class _Handler(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        assert self.path == PATH
        assert self.headers["Content-Type"] == "application/json"
        self.server.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.address.encode())

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    """Give a server that listens."""
    with Webhook() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def run(folder: Path, example: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the shell of an example's last step as GitHub's runner does without `shell`."""
    if absent := [each for each in ("jq", "curl") if not shutil.which(each)]:
        suites.leave_out(f"the examples need {absent[0]}")
    (jobs,) = yaml.safe_load(pages.page(f"docs/examples/{example}.yml"))["jobs"].values()
    step = jobs["steps"][-1]
    assert "shell" not in step
    (folder / "gh").write_text(GH)
    (folder / "gh").chmod(0o755)
    (folder / "step.sh").write_text(step["run"])
    given = {"GITHUB_REPOSITORY": "octo/widgets", "GITHUB_SERVER_URL": "https://github.com", "GH_TOKEN": "x", **environ}
    assert set(step["env"]) <= set(given)
    return subprocess.run(
        ["bash", "-e", "step.sh"],  # noqa: S607 - the user's
        cwd=folder,
        env={"PATH": f"{folder}:{os.environ['PATH']}", **given},
        capture_output=True,
        text=True,
        check=False,
    )


def comment(folder: Path, report: dict[str, Any], comments: list[dict[str, Any]]) -> tuple[str, str]:
    """Run the step that comments: the call that it makes, and the comment's text."""
    (folder / "report.json").write_text(json.dumps(report))
    (folder / "comments.json").write_text(json.dumps(comments))
    done = run(folder, "plan-on-pull-request", NUMBER="7", REPORT="report.json", RUN="https://github.com/run")
    assert done.returncode == 0, done.stderr
    (call,) = (folder / "calls").read_text().splitlines()
    assert not (folder / "owned").exists()
    return call, (folder / "comment.md").read_text()


@pytest.fixture
def planned(world: World) -> dict[str, Any]:
    """Give the report of a plan for an empty account."""
    report: dict[str, Any] = json.loads("".join(json_report.serialized(world.refresh(mode="plan"))))
    return report


def test_the_plan_becomes_a_comment_with_every_change(planned: dict[str, Any], tmp_path: Path) -> None:
    call, text = comment(tmp_path, planned, [])
    assert call == "api --silent --method POST repos/octo/widgets/issues/7/comments --field body=@comment.md"
    assert text.startswith(f"{MARK}\n")
    assert text.endswith("[The run](https://github.com/run) shows all of it.\n")
    changes = [each for component in planned["components"] for each in component["planned"]]
    assert changes
    for each in changes:
        assert f"  {each['description']}" in text
        assert all(f"      {difference['field']}: " in text for difference in each["differences"])


def test_the_next_plan_replaces_the_comment_and_no_other_one(planned: dict[str, Any], tmp_path: Path) -> None:
    users = [("octo-cat", MARK), ("github-actions[bot]", "Another workflow's"), ("github-actions[bot]", MARK)]
    comments = [{"id": 10 + n, "user": {"login": user}, "body": text} for n, (user, text) in enumerate(users)]
    call, _ = comment(tmp_path, planned, comments)
    assert call == "api --silent --method PATCH repos/octo/widgets/issues/comments/12 --field body=@comment.md"


def test_text_from_aws_stays_in_its_block_of_code_and_below_the_limit_of_github(
    planned: dict[str, Any], tmp_path: Path
) -> None:
    planned["components"][0].update(error=f"{HOSTILE}{'long' * 30_000}", status="failed")
    _, text = comment(tmp_path, planned, [])
    assert len(text) <= 65_536
    before, inside, after = text.split("```")
    assert "@octo" in inside
    assert "@octo" not in before + after


def results(*conclusions: str, ago: int = 5, event: str = "schedule") -> list[dict[str, str]]:
    """Give completed runs, the newest first, which ended so many minutes ago."""
    ended = (datetime.now(UTC) - timedelta(minutes=ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    shown = {"displayTitle": HOSTILE, "event": event, "updatedAt": ended, "url": "https://github.com/run"}
    return [{"conclusion": each, **shown} for each in conclusions]


THREE = results("failure", "timed_out", "failure", "success")


def notify(folder: Path, webhook: Webhook, chat: str, event: str, runs: list[dict[str, str]]) -> Any:
    """Run the step of a notification after these runs."""
    (folder / "runs.json").write_text(json.dumps(runs))
    done = run(folder, f"notify-{chat}", WEBHOOK=webhook.address, GITHUB_EVENT_NAME=event)
    assert not (folder / "owned").exists()
    assert PATH not in done.stdout + done.stderr
    return done


@pytest.mark.parametrize("chat", ["slack", "teams"])
@pytest.mark.parametrize(
    ("occasion", "expected"),
    [
        (("workflow_run", THREE), "has failed three times in a row"),
        (("workflow_run", THREE[:3]), "has failed three times in a row"),
        (("workflow_run", results(*["failure"] * 4)), ""),
        (("workflow_run", results("failure", "failure", "success", "failure")), ""),
        (("workflow_run", results("success", "failure", "failure", "failure")), ""),
        (("schedule", results("success", ago=120)), "has not run for an hour"),
        (("schedule", []), "has not run for an hour"),
        (("schedule", THREE), ""),
        # Runs of a pull request that has changed the workflow do not count.
        (("workflow_run", results(*["success"] * 4, event="pull_request") + THREE), "has failed three times in a row"),
        (("workflow_run", results(*["failure"] * 3, event="pull_request") + results("success")), ""),
        (("schedule", results("success", event="pull_request")), "has not run for an hour"),
        (("schedule", results("success", event="workflow_dispatch")), ""),
    ],
)
def test_a_chat_gets_one_message_for_a_problem_and_none_otherwise(
    webhook: Webhook, tmp_path: Path, chat: str, occasion: tuple[str, list[dict[str, str]]], expected: str
) -> None:
    done = notify(tmp_path, webhook, chat, *occasion)
    assert done.returncode == 0, done.stderr
    assert len(webhook.got) == bool(expected)
    assert all(f"octo/widgets: refresh {expected}. Last run: " in json.dumps(each) for each in webhook.got)


def test_slack_gets_text_in_which_a_title_is_no_markup(webhook: Webhook, tmp_path: Path) -> None:
    assert notify(tmp_path, webhook, "slack", "workflow_run", THREE).returncode == 0
    title = HOSTILE.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = f"octo/widgets: refresh has failed three times in a row. Last run: {title} https://github.com/run"
    assert webhook.got == [{"text": text}]


def test_teams_gets_an_adaptive_card_in_which_a_title_is_no_markup(webhook: Webhook, tmp_path: Path) -> None:
    webhook.status = 202
    assert notify(tmp_path, webhook, "teams", "workflow_run", THREE).returncode == 0
    ((attachment,),) = [each["attachments"] for each in webhook.got if each["type"] == "message"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    text = f"octo/widgets: refresh has failed three times in a row. Last run: {HOSTILE}"
    assert card["body"] == [{"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text}]}]
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Open", "url": "https://github.com/run"}]


@pytest.mark.parametrize("chat", ["slack", "teams"])
@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_refused_message_fails_the_job_without_the_address(
    webhook: Webhook, tmp_path: Path, chat: str, status: int
) -> None:
    webhook.status = status
    done = notify(tmp_path, webhook, chat, "workflow_run", THREE)
    assert done.returncode == 1
    secret = f"{chat.upper()}_WEBHOOK"
    assert f"the message was not taken (HTTP status {status}); check the secret {secret}" in done.stdout


@pytest.mark.parametrize("chat", ["slack", "teams"])
@pytest.mark.parametrize("address", ["", "http://127.0.0.1:1/services"])
def test_without_an_address_that_answers_the_job_fails(tmp_path: Path, chat: str, address: str) -> None:
    (tmp_path / "runs.json").write_text("[]")
    done = run(tmp_path, f"notify-{chat}", WEBHOOK=address, GITHUB_EVENT_NAME="schedule")
    assert done.returncode == 1
    assert "the message was not taken (HTTP status 000)" in done.stdout


@pytest.mark.parametrize("chat", ["slack", "teams"])
def test_results_that_cannot_be_read_fail_the_job(tmp_path: Path, chat: str) -> None:
    done = run(tmp_path, f"notify-{chat}", WEBHOOK="", GITHUB_EVENT_NAME="schedule")
    assert done.returncode != 0
