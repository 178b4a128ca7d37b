"""The user data: the same bytes for the same settings, nothing interpolated, within EC2's limit."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import re
import shlex
import string
import subprocess
from pathlib import Path

import pytest
from attrs import asdict, evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refresh.agent import user_data
from refresh.agent.user_data import END_OF_PROGRAM, LONGEST_SCRIPT, SIZE_LIMIT, Settings, StoredScript
from tests.fakes import largest

GOLDEN = Path(__file__).parent / "golden"
PROGRAM = "import sys\nsys.exit()\n"
SETTINGS = Settings(
    region="eu-west-1",
    table="octo-widgets-ci-table",
    registration_url="https://github.com/octo/widgets",
    runner_user="root",
    runner_version="2.335.1",
    runner_url_x64="https://github.com/x64.tar.gz",
    runner_sha256_x64="a" * 64,
    runner_url_arm64="https://github.com/arm64.tar.gz",
    runner_sha256_arm64="",
    pre_runner_script="",
    original_modes=True,
)
HOSTILE = "$(touch owned) `touch owned` ' \" \\ ; touch owned\n# EOF\nEND_OF_AGENT\n"
TRAPS = [
    HOSTILE,
    "EOF\n",
    "'",
    "\\'",
    "\\",
    "\r\n",
    "\x01",
    "no final newline",
    "a\n\n\n",
    "\u00e9\U0001f40e",
    "%s %d \\n",
    "!!",
    "$HOME",
]
TEXTS = [name for name, value in asdict(SETTINGS).items() if isinstance(value, str)]
IN_EVERY_FIELD = evolve(SETTINGS, **dict.fromkeys(TEXTS, HOSTILE))  # type: ignore[arg-type]
LETTERS = {
    "noise": string.printable[:94],
    "letters": "abcdefgh",
    "accents": [chr(each) for each in range(0xC0, 0x800)],
    "controls": [chr(each) for each in range(1, 32)],
    "horses": [chr(each) for each in range(0x1F300, 0x1F700)],
}
SHOW = "import json, os; print(json.dumps(dict(os.environ)))"


@pytest.fixture
def _short_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put another program in the place of the agent, which changes often."""
    monkeypatch.setattr(user_data, "_program", lambda: PROGRAM)


def _values(given_settings: Settings) -> dict[str, str]:
    """Return what the rendered lines export, as a Python that bash starts sees it."""
    text = user_data.rendered(given_settings).decode()
    before, _, after = text.partition("\nset -u\n")
    exports = f"{before}\n{after[after.rindex('export PRE_RUNNER_SCRIPT=') : after.rindex('main ')]}"
    shown = f"{exports}\nexec python3 -I -c {shlex.quote(SHOW)}"
    printed = subprocess.check_output(["bash"], env={"PATH": "/usr/bin:/bin"}, input=shown.encode())  # noqa: S607 - our own header
    return dict(json.loads(printed))


@pytest.mark.usefixtures("_short_program")
def test_the_rendered_shell_is_as_it_was_reviewed() -> None:
    """A changed wrapper is reviewed as a whole: replace the file by what is rendered. `make lint` checks its shell."""
    assert user_data.rendered(SETTINGS) == (GOLDEN / "plain.sh").read_bytes()
    hostile = user_data.rendered(IN_EVERY_FIELD).decode()
    assert hostile.partition("\nset -u\n")[0] == (GOLDEN / "hostile-header.sh").read_text()


@pytest.mark.shows("A13", "A33")
def test_hostile_values_stay_values_and_change_the_header_and_the_script_alone() -> None:
    constant = re.compile("\nset -u\n.*\nexport PRE_RUNNER_SCRIPT=", re.DOTALL)
    hostile, usual = (user_data.rendered(each).decode() for each in (IN_EVERY_FIELD, SETTINGS))
    (part,) = constant.findall(hostile)
    assert [part] == constant.findall(usual)
    values = _values(IN_EVERY_FIELD)
    assert json.loads(values.pop("PRE_RUNNER_SCRIPT")) == HOSTILE
    assert list(values.values()).count(HOSTILE) == len(TEXTS) - 1
    assert values["ORIGINAL_MODES"] == "true"
    assert _values(evolve(SETTINGS, original_modes=False))["ORIGINAL_MODES"] == "false"


def test_the_agent_is_in_the_rendered_program_as_it_is_generated() -> None:
    """Nothing ends its here-document early."""
    text = user_data.rendered(IN_EVERY_FIELD).decode()
    (agent,) = re.findall(rf"^cat <<'{END_OF_PROGRAM}'\n(.*?)^{END_OF_PROGRAM}\n", text, re.DOTALL | re.MULTILINE)
    generated = Path(user_data.__file__).with_name(user_data.PROGRAM).read_text()
    assert generated == generated.partition("\n")[0] + "\n" + agent
    assert agent.endswith("\n")


def test_the_script_stays_out_of_what_cloud_init_takes_for_a_mime_message() -> None:
    """cloud-init searches the first 4,096 bytes, in any case."""
    script = "# MIME-Version: 1.0\n"
    text = user_data.rendered(evolve(SETTINGS, pre_runner_script=script))
    assert text.lower().index(b"mime-version:") > 4096
    assert user_data.rendered(evolve(SETTINGS, pre_runner_script="a\r\n")).count(b"\r") == 0


def test_the_wrapper_is_rendered_without_comments_and_indentation_alone() -> None:
    """A line of text that begins with `#` would be lost."""
    source = Path(user_data.__file__).with_name("wrapper.sh").read_text()
    kept = [line.strip() for line in source.splitlines() if line.strip() and not line.strip().startswith("#")]
    assert user_data._wrapper().splitlines() == kept
    assert "<<-" not in source


def test_the_same_settings_give_the_same_bytes() -> None:
    """Bytes 3 to 7 of gzip are flags, such as that of a name, and the time: https://www.rfc-editor.org/rfc/rfc1952."""
    packed = user_data.render(SETTINGS)
    assert packed == user_data.render(evolve(SETTINGS))
    assert packed[:8] == b"\x1f\x8b\x08" + b"\0" * 5
    assert user_data.unpack(packed) == gzip.decompress(packed) == user_data.rendered(SETTINGS)


@pytest.mark.parametrize("kind", ["noise", "letters", "accents", "controls", "horses"])
def test_a_short_script_is_in_the_user_data_and_fits_however_well_it_is_compressed(kind: str) -> None:
    """Some hundred bytes are left for another zlib, and for an agent that grows."""
    chance = random.Random(7)  # noqa: S311 - no secret
    script = ""
    while user_data.stored_script(longer := script + chance.choice(LETTERS[kind])) is None:
        script = longer
    assert 500 < len(json.dumps(script)) <= LONGEST_SCRIPT == 600
    assert len(user_data.render(largest.settings(script))) <= SIZE_LIMIT - 300 == 16384 - 300
    values = _values(evolve(SETTINGS, pre_runner_script=script))
    assert (json.loads(values["PRE_RUNNER_SCRIPT"]), values["PRE_RUNNER_SCRIPT_SHA256"]) == (script, "")


@pytest.mark.parametrize("script", ["#" * 999, "#" + "\n" * 262_143], ids=["one byte more", "the largest"])
def test_the_user_data_has_the_sum_of_a_large_script_and_the_name_of_its_item(script: str) -> None:
    stored = StoredScript(script)
    assert user_data.stored_script(script) == stored
    assert stored.sha256 == hashlib.sha256(script.encode()).hexdigest()
    assert stored.identifier == f"pre_runner_script_{stored.sha256[:16]}"
    values = _values(evolve(SETTINGS, pre_runner_script=script))
    assert (values["PRE_RUNNER_SCRIPT"], values["PRE_RUNNER_SCRIPT_SHA256"]) == ('""', stored.sha256)
    assert len(user_data.render(largest.settings(script))) <= SIZE_LIMIT - 300


@pytest.mark.shows("A59")
@pytest.mark.parametrize(
    "payload",
    [b"", b"#!/bin/sh\n", b"\x1f\x8bnonsense", gzip.compress(b"x" * 99)[:-4], gzip.compress(b"\0" * 2**25)],
    # Their own names would have the time in them, which is another one in each process of the tests.
    ids=["nothing", "plain", "nonsense", "cut", "vast"],
)
def test_user_data_that_cannot_be_unpacked_is_compared_as_it_is(payload: bytes) -> None:
    """Another program's, or what would fill the memory."""
    assert user_data.unpack(payload) == payload


@pytest.mark.shows("B70")
@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(st.text(st.characters(blacklist_characters="\0", codec="utf-8"), max_size=40) | st.sampled_from(TRAPS))
def test_a_script_reaches_the_agent_byte_for_byte(script: str) -> None:
    line = user_data.rendered(evolve(SETTINGS, pre_runner_script=script)).splitlines()[-2]
    shown = line + b'\nprintf %s "$PRE_RUNNER_SCRIPT"'
    arrived = subprocess.check_output(["bash"], env={"PATH": "/bin"}, input=shown)  # noqa: S607 - our own line
    assert arrived.isascii()
    assert json.loads(arrived).encode() == script.encode()
