"""The user data: the same bytes for the same settings, nothing interpolated, within what EC2 takes."""

from __future__ import annotations

import gzip
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refresh.agent import user_data
from refresh.agent.user_data import Settings

FOLDER = Path(user_data.__file__).parent
GOLDEN = Path(__file__).parent / "golden"
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
)
HOSTILE = "$(touch owned) `touch owned` ' \" \\ ; touch owned\n# EOF\nEOF\n"
TRAPS = [
    HOSTILE,
    "EOF\n",
    "'",
    "\r\n",
    "\x01",
    "no final newline",
    "a\n\n\n",
    "é🐎",
    "%s %d \\n",
    "!!",
    "$HOME",
]
IN_EVERY_FIELD = Settings(**dict.fromkeys((field.name for field in Settings.__attrs_attrs__), HOSTILE))
LONGEST = Settings.at_their_longest("ap-southeast-99", "o" * 39 + "r" * 100 + "-ci-table", "")


def _noise(length: int) -> str:
    """Give text that no compression makes small."""
    return "".join(random.Random(7).choices("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRST-_", k=length))  # noqa: S311 - no secret


def test_the_same_settings_give_the_same_bytes() -> None:
    """A time or a random number in it would be drift in every run; compressed or not."""
    for each in (SETTINGS, evolve(SETTINGS, pre_runner_script="#" * 20_000)):
        assert user_data.render(each) == user_data.render(evolve(each))


def test_the_rendered_script_is_as_it_was_reviewed() -> None:
    """Instances boot with it, so a change of it is looked at as a whole: replace the file by what is rendered."""
    assert user_data.render(SETTINGS) == (GOLDEN / "plain.sh").read_bytes()


def test_the_header_is_as_it_was_reviewed_whatever_the_values() -> None:
    """The rest is constant."""
    assert _header(IN_EVERY_FIELD) == (GOLDEN / "hostile-header.sh").read_text()


def test_the_rendered_script_is_clean() -> None:
    """As one program, with its header: every variable is set before it is used."""
    golden = str(GOLDEN / "plain.sh")
    subprocess.run(["bash", "-n", golden], check=True)  # noqa: S603, S607 - our own script
    shellcheck = str(Path(sys.executable).parent / "shellcheck")
    # SC1091: the instance's /etc/environment is not here.
    command = [shellcheck, "--exclude=SC1091", golden]
    checked = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - as above
    assert checked.returncode == 0, checked.stdout


@pytest.mark.shows("A13", "A33")
def test_whatever_a_value_holds_it_stays_a_value() -> None:
    """As bash itself reads the header."""
    assert set(_values(IN_EVERY_FIELD).values()) == {HOSTILE, _values(IN_EVERY_FIELD)["PRE_RUNNER_SCRIPT_BASE64"]}


@pytest.mark.shows("A33")
def test_all_but_the_header_is_constant() -> None:
    """Nothing is interpolated into shell."""
    plain, hostile = user_data.render(SETTINGS), user_data.render(IN_EVERY_FIELD)
    (_, constant), (_, same) = plain.split(b"\nset -u\n"), hostile.split(b"\nset -u\n")
    assert constant == same


def test_only_comments_and_indentation_are_left_out() -> None:
    """What remains of each file is what it says, so a `#` in a text or a here-document would be an error."""
    source = "".join((FOLDER / name).read_text() for name in user_data.PARTS)
    kept = [line.strip() for line in source.splitlines() if line.strip() and not line.strip().startswith("#")]
    rendered = user_data.render(SETTINGS).decode().partition("\nset -u\n")[2]
    assert [line.strip() for line in rendered.splitlines()] == kept[1:]
    assert "<<-" not in source
    assert "<<E" not in source


def test_every_shell_file_is_part_of_it() -> None:
    """One that nobody includes would be reviewed in vain."""
    assert sorted(user_data.PARTS) == sorted(path.name for path in FOLDER.glob("*.sh"))


def test_the_agent_leaves_room_for_a_script_that_is_not_compressed() -> None:
    """4,700 bytes of script, which base64 makes a third longer, with every value at its longest."""
    assert len(user_data.render(LONGEST)) <= user_data.SIZE_LIMIT - 4700 // 3 * 4


def test_no_real_value_is_longer_than_what_the_size_is_judged_with() -> None:
    """A release of tomorrow must fit where today's did."""
    url = "https://" + "u" * (user_data.LONGEST_URL - len("https://"))
    release = evolve(
        LONGEST,
        registration_url="https://" + "s" * (user_data.LONGEST_SERVER_URL - 8) + "/" + "o" * 39 + "/" + "r" * 100,
        runner_user="u" * 32,
        runner_version="9999.9999.9999",
        runner_url_x64=url,
        runner_url_arm64=url,
        runner_sha256_x64="f" * 64,
        runner_sha256_arm64="f" * 64,
    )
    assert len(user_data.render(release)) == len(user_data.render(LONGEST))


def test_what_ec2_would_not_take_is_compressed_and_not_one_byte_before() -> None:
    """cloud-init unpacks it; nobody can read it on the console, so it is done only where it has to be."""
    room = (user_data.SIZE_LIMIT - len(user_data.render(SETTINGS))) // 4 * 3
    fits = user_data.render(evolve(SETTINGS, pre_runner_script="#" * room))
    assert fits.startswith(b"#!")
    assert user_data.SIZE_LIMIT - 6 < len(fits) <= user_data.SIZE_LIMIT
    packed = user_data.render(evolve(SETTINGS, pre_runner_script="#" * (room + 6)))
    assert packed.startswith(b"\x1f\x8b")
    assert len(packed) < user_data.SIZE_LIMIT // 2
    plain = gzip.decompress(packed)
    assert plain == user_data.unpack(packed)
    assert len(plain) > user_data.SIZE_LIMIT


def test_the_compressed_bytes_hold_neither_time_nor_name() -> None:
    """Bytes 4 to 7 are the time, flags tell of a name: https://www.rfc-editor.org/rfc/rfc1952."""
    packed = user_data.render(evolve(SETTINGS, pre_runner_script="#" * 20_000))
    assert packed[3:8] == b"\0" * 5


def test_what_is_too_large_even_so_is_refused_by_how_much() -> None:
    """The user can tell what to leave out."""
    with pytest.raises(user_data.TooLarge) as caught:
        user_data.render(evolve(SETTINGS, pre_runner_script=_noise(20_000)))
    packed = len(gzip.compress(user_data._plain(evolve(SETTINGS, pre_runner_script=_noise(20_000))), mtime=0))
    assert f"{packed - user_data.SIZE_LIMIT} above the limit of 16384" in str(caught.value)


@pytest.mark.shows("A59")
@pytest.mark.parametrize(
    "payload",
    [b"", b"#!/bin/sh\n", b"\x1f\x8bnonsense", gzip.compress(b"x" * 99)[:-4], gzip.compress(b"\0" * 2**25)],
    # Their own names would have the time in them, which is another one in each process of the tests.
    ids=["nothing", "plain", "nonsense", "cut", "vast"],
)
def test_what_is_no_sound_archive_is_compared_as_it_is(payload: bytes) -> None:
    """Somebody's own user data, and one that would fill the memory."""
    assert user_data.unpack(payload) == payload


@pytest.fixture(scope="session")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the agent's own functions, where `bash` keeps the script instead of running it."""
    folder = tmp_path_factory.mktemp("decoder")
    # Without `read` no first line counts: whatever the script is, nothing of it is run.
    kept = 'read() { :; }\nbash() { cp "$1" arrived; }\nrun_script\n'
    (folder / "decode.sh").write_text(f"{user_data._shell('agent.sh')}\n{kept}")
    return folder


@pytest.mark.shows("B70")
@settings(max_examples=1000, suppress_health_check=list(HealthCheck))
@given(st.text(st.characters(blacklist_characters="\0", codec="utf-8")) | st.sampled_from(TRAPS))
def test_a_script_arrives_on_disk_byte_for_byte(decoder: Path, script: str) -> None:
    """As the header carries it and the agent itself decodes it."""
    header = _header(evolve(SETTINGS, pre_runner_script=script))
    (decoder / "boot.sh").write_text(f"{header}\n. ./decode.sh\n", newline="")
    subprocess.run(["bash", "boot.sh"], cwd=decoder, check=True)  # noqa: S607 - our own script
    assert (decoder / "arrived").read_bytes() == script.encode()


@pytest.mark.parametrize(
    ("script", "printed", "code"),
    [
        ("[[ -n $BASH ]] && false; echo bash", "bash\n", 0),
        ("", "", 0),
        ("#!/bin/bash\nfalse; echo went on", "went on\n", 0),
        ("#!/bin/bash -e\nfalse; echo went on", "", 1),
        ("#! /usr/bin/env -S bash -e -o pipefail  \nfalse | true; echo went on", "", 1),
        ("#!/bin/sh -e\necho ${BASH_VERSION+bash}; (exit 3)", "", 3),
        ("# a comment\n#!/bin/bash -e\nfalse; echo went on", "went on\n", 0),
        ("#!/no/such/shell\necho went on", "", 127),
    ],
)
def test_a_script_runs_as_its_first_line_says(script: str, printed: str, code: int, tmp_path: Path) -> None:
    """With the shell and the option that Linux would take from it, and by bash where it says nothing."""
    header = _header(evolve(SETTINGS, pre_runner_script=script))
    (tmp_path / "boot.sh").write_text(f"set -u\n{header}\n{user_data._shell('agent.sh')}\nrun_script\n", newline="")
    ran = subprocess.run(["bash", "boot.sh"], cwd=tmp_path, check=False, capture_output=True, text=True)  # noqa: S607 - our own script
    assert (ran.stdout.strip(), ran.returncode) == (printed.strip(), code), ran.stderr


def _header(given_settings: Settings) -> str:
    return user_data.unpack(user_data.render(given_settings)).decode().partition("\nset -u\n")[0]


def _values(given_settings: Settings) -> dict[str, str]:
    """Have bash itself read the header."""
    header = _header(given_settings)
    wanted = "^(AWS_REGION|TABLE|REPOSITORY|RUNNER|PRE_RUNNER)"
    show = f'for name in $(compgen -v | grep -E "{wanted}"); do printf "%s\\0" "$name" "${{!name}}"; done'
    printed = subprocess.run(  # noqa: S603 - our own header
        ["bash", "-c", f"{header}\n{show}"],  # noqa: S607 - as above
        capture_output=True,
        check=True,
        env={"PATH": "/usr/bin:/bin"},
    ).stdout
    words = printed.decode().split("\0")[:-1]
    return dict(zip(words[::2], words[1::2], strict=True))


def test_the_size_is_judged_with_long_values_that_do_not_compress() -> None:
    """The caller's own values are taken as they are."""
    longest = Settings.at_their_longest("eu-west-1", "table", "script")
    assert (longest.region, longest.table, longest.pre_runner_script) == ("eu-west-1", "table", "script")
    assert (longest.runner_user, longest.runner_version) == ("u" * 32, "9999.9999.9999")
    assert re.fullmatch("https://[0-9a-f]{197}", longest.registration_url)
    assert re.fullmatch("https://x[0-9a-f]{147}", longest.runner_url_x64)
    assert re.fullmatch("https://a[0-9a-f]{147}", longest.runner_url_arm64)
    sums = {longest.runner_sha256_x64, longest.runner_sha256_arm64}
    assert len(sums) == 2
    assert all(re.fullmatch("[0-9a-f]{64}", each) for each in sums)


def test_user_data_of_exactly_the_limit_is_not_compressed() -> None:
    """Not one byte before it has to be."""
    room = (user_data.SIZE_LIMIT - len(user_data.render(SETTINGS))) // 4 * 3
    nearly = evolve(SETTINGS, pre_runner_script="#" * room)
    padding = "x" * (user_data.SIZE_LIMIT - len(user_data.render(nearly)))
    exactly = user_data.render(evolve(nearly, region=SETTINGS.region + padding))
    assert (len(exactly), exactly[:2]) == (user_data.SIZE_LIMIT, b"#!")
