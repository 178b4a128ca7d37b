"""Hostile text in all that records, AWS and GitHub can say, through every way out: nothing is commanded or forged."""

from __future__ import annotations

import contextlib
import html
import io
import json
import random
import re
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest
import yaml
from attrs import frozen

from refresh import errors
from refresh.desired import Mode
from refresh.engine.change import Change, Difference, Done, Failed, Skipped
from refresh.engine.report import ComponentReport, Report
from refresh.output import publish
from refresh.pool.snapshot import Ended, InstanceSnapshot, PoolSnapshot
from refresh.workflow import log
from refresh.workflow.commands import Commands
from refresh.workflow.redacting_stream import RedactingStream
from tests.fakes.desired import desired
from tests.fakes.serial import NOW
from tests.pages import ROOT

if TYPE_CHECKING:
    from tests.simulation.figures import Tally

VALUES = {"short": 2_000, "push": 20_000, "nightly": 200_000}
PIECES = (
    *("::", "##[", "]", "%", "%0A", "%25", "\n", "\r", "\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\ufeff"),
    *(" ", "\t", "\\", ",", "=", "<<", "EOF", "ghadelimiter_", "name=value", "admin<<EOF", "\x1b[31m", "\udc80", "'"),
    *("add-mask", "set-output name=x", "error", "warning file=x", "group", "endgroup", "stop-commands", "debug"),
    *("|", "`", "```", "````", "~~~", "<script>", "</details>", "<img src=x>", "[x](y)", "#", "*", "_", "&lt;", "é"),
    *("\x00", '"', "notice", "界"),
)
LINE_ENDS = re.compile(r"[\n\r\u2028\u2029\x85\x0b\x0c\x1c-\x1e]")
OURS = {"group", "endgroup", "error", "warning"}


@frozen
class Hostile(Change):
    noun: ClassVar[str] = "thing"
    verb: ClassVar[str] = "change"
    done: ClassVar[str] = "changed"
    text: str

    @property
    def subject(self) -> str:
        """Be hostile."""
        return self.text

    @property
    def note(self) -> str:
        """Be hostile."""
        return self.text

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Be hostile."""
        return (Difference(self.text, self.text, self.text, tuple(self.text.splitlines())),)


def _report(texts: list[str], mode: Mode) -> Report:
    changes = [Hostile(text) for text in texts]
    failed = Failed(changes[2], errors.Rejected(texts[2], texts[3]))
    outcomes = (Done(changes[0]), Skipped(changes[1], texts[1]), failed)
    component = ComponentReport(
        name="thing",
        mode=mode,
        planned=tuple(changes),
        following=tuple(changes),
        outcomes=outcomes,
        warnings=(texts[4],),
        refusals=(texts[5],),
        error=errors.Refused(texts[6]),
    )
    instance = InstanceSnapshot(
        id="i-00000001", state="idle", ec2_state="running", resource_class=texts[7], run_id=texts[8]
    )
    ended = Ended(id=texts[9], reason=texts[0], state=texts[1], resource_class=texts[2], run_id=texts[3])
    pool = PoolSnapshot(template_id=texts[4], queues=((texts[5], texts[6]),), instances=(instance,))
    return Report((component,), desired=desired(), started_at=NOW, finished_at=NOW, pool=pool, ended=(ended,))


def _commands(printed: str) -> list[str]:
    """Model GitHub's runner: names of the commands that it finds."""
    found = []
    for line in LINE_ENDS.split(printed):
        trimmed = line.strip().lstrip("\ufeff")
        if trimmed.startswith("::") and "::" in trimmed[2:]:
            found.append(trimmed[2:].partition("::")[0].partition(" ")[0])
        found += [each.partition(" ")[0] for each in re.findall(r"##\[([^\]]*)", line)]
    return found


def _outputs(content: str) -> dict[str, str]:
    values, lines = {}, iter(content.split("\n"))
    for line in lines:
        if line:
            name, _, delimiter = line.partition("<<")
            values[name] = "\n".join(iter(lines.__next__, delimiter))
    return values


@pytest.mark.shows("A11", "A53")
@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.timeout(1800)
def test_hostile_text_commands_and_forges_nothing(tmp_path: Path, tally: Tally, *, as_json: bool) -> None:
    """Not through the log, the annotations, the outputs, the report or the summary."""
    chance = random.Random(7)  # noqa: S311 - no secret is made of it
    output, page = tmp_path / "output", tmp_path / "summary"
    environ = {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(page), "GITHUB_WORKSPACE": str(tmp_path)}
    log.configure(as_json=as_json)
    try:
        for number in range(0, VALUES[tally.budget] // 2, 10):
            texts = ["".join(chance.choices(PIECES, k=chance.randrange(1, 8))) for _ in range(10)]
            mode = Mode.PLAN if number % 20 else Mode.APPLY
            report = _report(texts, mode)
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(RedactingStream(out)):
                commands = Commands(
                    {**environ, "GITHUB_ACTIONS": "true"}, RedactingStream(out), RedactingStream(err), as_json=as_json
                )
                publish.component(commands, report.components[0])
                publish.ending(commands, report)
            causes = {texts[5], texts[6], str(errors.Rejected(texts[2], texts[3]))}
            _check(out.getvalue(), err.getvalue(), len(causes), as_json=as_json)
            _check_files(output, page, tmp_path / "refresh-report.json", texts)
            tally.add("hostile values through log, annotations, outputs, report and summary", 10)
    finally:
        log.configure(as_json=False)


def _check(out: str, err: str, causes: int, *, as_json: bool) -> None:
    commands = _commands(out)
    if as_json:
        assert commands == []
        assert all(json.loads(line) for line in out.splitlines())
        commands = _commands(err)
    assert set(commands) <= OURS
    # One warning, and an error a cause: the one that stopped it, a refusal and a failure may be drawn alike.
    assert (commands.count("error"), commands.count("warning")) == (causes, 1)


def _check_files(output: Path, page: Path, report: Path, texts: list[str]) -> None:
    values = _outputs(output.read_bytes().decode())
    assert set(values) == set(yaml.safe_load((ROOT / "action.yml").read_text())["outputs"])
    assert values["launch-template-id"] == texts[4].encode(errors="replace").decode()
    assert json.loads(values["failed-components"]) == ["thing"]
    assert json.loads(report.read_text())["schema_version"] == 1
    text = page.read_bytes().decode()
    outside = re.sub(r"(?ms)^(`{3,})(diff|mermaid)$.*?^\1$", "", text)
    rest = re.sub(r"</?(details( open)?|summary)>|\[\d+\]\(https://github.com/[a-z/]+\d+\)", "", outside)
    assert not re.search(r"[<>`\[\]\\~]", rest), rest
    assert html.unescape(outside).count("Runner pool refresh") == 1
    output.unlink()
    page.unlink()
