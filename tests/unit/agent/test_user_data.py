"""The user data: the same bytes for the same settings, nothing interpolated, within EC2's limit."""

from __future__ import annotations

import gzip
import re
import subprocess
from pathlib import Path

import pytest
from attrs import asdict, evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refresh.agent import user_data
from refresh.agent.user_data import SIZE_LIMIT, Settings

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
TRAPS = [HOSTILE, "EOF\n", "'", "\r\n", "\x01", "no final newline", "a\n\n\n", "é🐎", "%s %d \\n", "!!", "$HOME"]
IN_EVERY_FIELD = Settings(**dict.fromkeys((field.name for field in Settings.__attrs_attrs__), HOSTILE))
LONGEST = Settings.at_their_longest("ap-southeast-99", "o" * 39 + "r" * 100 + "-ci-table", "")
PACKED = evolve(SETTINGS, pre_runner_script="#" * 20_000)


def _parts(given_settings: Settings) -> tuple[str, str]:
    """Return the header and the rest of the rendered program."""
    header, _, constant = user_data.unpack(user_data.render(given_settings)).decode().partition("\nset -u\n")
    return header, constant


def test_the_rendered_program_is_as_it_was_reviewed() -> None:
    """A changed program is reviewed as a whole: replace the file by what is rendered. `make lint` checks its shell."""
    assert user_data.render(SETTINGS) == (GOLDEN / "plain.sh").read_bytes()
    assert _parts(IN_EVERY_FIELD)[0] == (GOLDEN / "hostile-header.sh").read_text()


@pytest.mark.shows("A13", "A33")
def test_hostile_values_stay_values_and_change_the_header_alone() -> None:
    header, constant = _parts(IN_EVERY_FIELD)
    assert constant == _parts(SETTINGS)[1]
    names = re.findall(r"^readonly (\w+)=", _parts(SETTINGS)[0], re.MULTILINE)
    show = "".join(f'printf "%s\\0" "${name}"\n' for name in names)
    printed = subprocess.check_output(["bash", "-c", f"{header}\n{show}"], env={"PATH": "/bin"}, text=True)  # noqa: S603, S607 - our own header
    values = dict(zip(names, printed.split("\0"), strict=False))
    assert len(names) == len(SETTINGS.__attrs_attrs__)
    assert {value for name, value in values.items() if not name.endswith("_BASE64")} == {HOSTILE}


def test_every_shell_file_is_rendered_without_comments_and_indentation_alone() -> None:
    """A here-document, or a line of text that begins with `#`, would lose something else."""
    source = "".join((FOLDER / name).read_text() for name in user_data.PARTS)
    kept = [line.strip() for line in source.splitlines() if line.strip() and not line.strip().startswith("#")]
    assert _parts(SETTINGS)[1].splitlines() == kept[1:]
    assert not re.search("<<-|<<E", source)
    assert sorted(user_data.PARTS) == sorted(path.name for path in FOLDER.glob("*.sh"))


def test_a_script_of_4700_bytes_fits_uncompressed_with_every_value_at_its_longest() -> None:
    assert len(user_data.render(LONGEST)) <= SIZE_LIMIT - 4700 // 3 * 4


def test_the_size_is_judged_with_values_that_are_as_long_as_any_and_hard_to_compress() -> None:
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
    assert (LONGEST.region, LONGEST.pre_runner_script) == ("ap-southeast-99", "")
    noise = [value for name, value in asdict(LONGEST).items() if "url" in name or "sha256" in name]
    assert all(re.fullmatch("(https://[xa]?)?[0-9a-f]{64,}", each) for each in noise)
    assert len({each[-32:] for each in noise}) == len(noise) == 5


def test_user_data_is_compressed_from_one_byte_above_the_limit_on() -> None:
    """cloud-init unpacks it, but no one can read it on the console."""
    exactly = evolve(SETTINGS, region=SETTINGS.region + "r" * (SIZE_LIMIT - len(user_data.render(SETTINGS))))
    plain, packed = user_data.render(exactly), user_data.render(evolve(exactly, region=exactly.region + "r"))
    assert (len(plain), plain[:2], packed[:2]) == (SIZE_LIMIT, b"#!", b"\x1f\x8b")
    assert len(packed) < SIZE_LIMIT
    assert user_data.unpack(packed) == gzip.decompress(packed)
    assert len(gzip.decompress(packed)) == SIZE_LIMIT + 1


def test_the_same_settings_give_the_same_bytes_compressed_or_not() -> None:
    """Bytes 3 to 7 of gzip are flags, such as that of a name, and the time: https://www.rfc-editor.org/rfc/rfc1952."""
    for each in (SETTINGS, PACKED):
        assert user_data.render(each) == user_data.render(evolve(each))
    assert user_data.render(PACKED)[3:8] == b"\0" * 5


def test_user_data_above_the_limit_even_when_compressed_is_refused_with_the_excess() -> None:
    large = evolve(SETTINGS, pre_runner_script=user_data._noise("", 40_000))
    excess = len(gzip.compress(user_data._plain(large), mtime=0)) - SIZE_LIMIT
    with pytest.raises(user_data.TooLarge, match=rf"\b{excess}\b.*\b{SIZE_LIMIT}\b"):
        user_data.render(large)


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


@pytest.fixture(scope="session")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the agent's own functions, where `bash` keeps the script instead of running it."""
    folder = tmp_path_factory.mktemp("decoder")
    # Without `read` no first line counts: whatever the script is, nothing of it is run.
    kept = 'read() { :; }\nbash() { cp "$1" arrived; }\nrun_script\n'
    (folder / "decode.sh").write_text(f"{user_data._shell('agent.sh')}\n{kept}")
    return folder


@pytest.mark.shows("B70")
@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(st.text(st.characters(blacklist_characters="\0", codec="utf-8")) | st.sampled_from(TRAPS))
def test_a_script_arrives_on_disk_byte_for_byte(decoder: Path, script: str) -> None:
    header, _ = _parts(evolve(SETTINGS, pre_runner_script=script))
    (decoder / "boot.sh").write_text(f"{header}\n. ./decode.sh\n", newline="")
    subprocess.run(["bash", "boot.sh"], cwd=decoder, check=True)  # noqa: S607 - our own script
    assert (decoder / "arrived").read_bytes() == script.encode()


@pytest.mark.parametrize(
    ("script", "printed", "code"),
    [
        ("[[ -n $BASH ]] && false; echo bash", "bash", 0),
        ("#!/bin/bash\nfalse; echo went on", "went on", 0),
        ("#!/bin/bash -e\nfalse; echo went on", "", 1),
        ("#! /usr/bin/env -S bash -e -o pipefail  \nfalse | true; echo went on", "", 1),
        ("#!/bin/sh -e\necho ${BASH_VERSION+bash}; (exit 3)", "", 3),
        ("# a comment\n#!/bin/bash -e\nfalse; echo went on", "went on", 0),
        ("#!/no/such/shell\necho went on", "", 127),
    ],
)
def test_a_script_runs_by_the_shell_and_option_of_its_first_line(
    script: str, printed: str, code: int, tmp_path: Path
) -> None:
    """As Linux would run it; by bash where the first line names none."""
    header, _ = _parts(evolve(SETTINGS, pre_runner_script=script))
    (tmp_path / "boot.sh").write_text(f"set -u\n{header}\n{user_data._shell('agent.sh')}\nrun_script\n", newline="")
    ran = subprocess.run(["bash", "boot.sh"], cwd=tmp_path, check=False, capture_output=True, text=True)  # noqa: S607 - our own script
    assert (ran.stdout.strip(), ran.returncode) == (printed, code), ran.stderr
