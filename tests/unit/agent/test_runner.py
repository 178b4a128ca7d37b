"""How the agent starts a runner: as which user, with which variables, and which files of the image it leaves alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from refresh.agent import user_data

SOURCE = Path(user_data.__file__).with_name("runner.sh").read_text()


def _run(folder: Path, program: str, user: str = "builder", **tools: str) -> str:
    """Run the agent's functions with stand-ins for the tools that need root, and return what they print."""
    (folder / "environment").touch()
    tools = {"getent": 'echo "$2:x:1000:1000::/home/$2:/bin/sh"', "id": "echo 1000", **tools}
    (folder / "tools").mkdir()
    for name, script in tools.items():
        (folder / "tools" / name).write_text(f"#!/bin/bash\n{script}\n")
        (folder / "tools" / name).chmod(0o755)
    source = SOURCE.replace("/etc/environment", str(folder / "environment"))
    source = source.replace("/opt/refresh-runner", str(folder / "unpacked"))
    environ = {"PATH": f"{folder}/tools:/usr/bin:/bin", "RUNNER_USER": user, "RUNNER_LOG": str(folder / "log")}
    command = ["bash", "-uc", f"{source}\nreadonly AWS_REGION=eu-west-1\n{program}"]
    return subprocess.check_output(command, env=environ, text=True).strip()  # noqa: S603 - our own program


def _runner(folder: Path, script: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in ("run.sh", "config.sh"):
        (folder / name).write_text(f"#!/bin/bash\n{script}\n")
        (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("user", "switched"), [("root", []), ("builder", ["--reuid builder --regid 1000 --init-groups"])]
)
def test_the_runner_starts_as_its_user_in_the_process_that_the_agent_knows(
    tmp_path: Path, user: str, switched: list[str]
) -> None:
    """A process before it would hide its session; jobs read the user from variables."""
    _runner(tmp_path / "runner", 'echo "$$ $USER $LOGNAME $HOME"')
    program = f'add_user; folder={tmp_path}/runner; exec_runner ./run.sh & echo "$!"; wait'
    known = _run(tmp_path, program, user, setpriv='echo "${@:1:5}"; shift 5; exec "$@"')
    assert (tmp_path / "log").read_text().splitlines() == [*switched, f"{known} {user} {user} /home/{user}"]


LINES = {
    "ImageOS=ubuntu24": "ubuntu24",
    "  export\tJAVA_HOME_17_X64=/usr/lib/jvm/temurin-17  ": "/usr/lib/jvm/temurin-17",
    "XDG_CONFIG_HOME=$HOME/.config": "/home/builder/.config",
    "HOMES=${HOME}:$HOMEBREW_PREFIX:$HOME": "/home/builder:$HOMEBREW_PREFIX:/home/builder",
    "QUOTED='a \"b\" # c'  # a comment": 'a "b" # c',
    'DOUBLE="it\'s"': "it's",
    "ANCHOR=https://x/#part # a comment": "https://x/#part",
    "EMPTY=": "",
    "NOTHING= # a comment": "",
    "SHELL_CODE=$(echo run) `echo run` ; echo run \\": "$(echo run) `echo run` ; echo run \\",
    # Readonly in the agent's shell, but the runner may have another value.
    "AWS_REGION=eu-north-1": "eu-north-1",
    "UID=7": "7",
    'PATH="$HOME/.local/bin:/opt/tools"': "/home/builder/.local/bin:/opt/tools:{agent}/tools:/usr/bin:/bin",
    "LAST=without an end": "without an end",
}


@pytest.mark.shows("A24")
def test_a_job_sees_what_logins_get_from_etc_environment(tmp_path: Path) -> None:
    """As text, with the home of the runner's user; the agent itself gets none of it."""
    ignored = ["# HIDDEN=1", "", "9LIVES=1", "no assignment", "two words=1", "=1"]
    (tmp_path / "environment").write_text("\n".join([*ignored, *LINES]))
    _runner(tmp_path / "runner", "env -0")
    program = f'add_user; folder={tmp_path}/runner; (exec_runner ./run.sh); echo "$PATH $AWS_REGION ${{ImageOS-unset}}"'
    agent = _run(tmp_path, program, setpriv='shift 5; exec "$@"')
    jobs = dict(each.split("=", 1) for each in (tmp_path / "log").read_text().split("\0")[:-1])
    for line, value in LINES.items():
        name = line.split("=")[0].split()[-1]
        assert jobs[name] == value.format(agent=tmp_path), line
    assert not {"HIDDEN", "9LIVES", "words", ""} & set(jobs)
    assert agent == f"{tmp_path}/tools:/usr/bin:/bin eu-west-1 unset"


def test_etc_environment_cannot_break_what_the_runner_needs(tmp_path: Path) -> None:
    own = ("HOME", "USER", "LOGNAME", "RUNNER_ALLOW_RUNASROOT", "ACTIONS_RUNNER_INPUT_TOKEN")
    (tmp_path / "environment").write_text("".join(f"{name}=broken\n" for name in own))
    _runner(tmp_path / "runner", "env")
    program = f"registration_token() {{ echo REG; }}; add_user; folder={tmp_path}/runner; configure"
    _run(tmp_path, program, user="root")
    jobs = (tmp_path / "log").read_text()
    assert "broken" not in jobs
    assert "ACTIONS_RUNNER_INPUT_TOKEN=REG\n" in jobs


def _install(folder: Path, image: Path, **tools: str) -> str:
    """Install the runner that an image has, and return the folder it runs in."""
    settings = f"RUNNER_HOME={image} RUNNER_VERSION=2.335.1; say() {{ :; }}"
    return _run(folder, f"{settings}; add_user; install_runner; echo $folder", **tools)


@pytest.mark.parametrize("home", ["images/runner", "images/runner/of", "linked/runner", "images"])
def test_a_runner_in_a_home_is_copied_out_and_the_home_keeps_its_owner(tmp_path: Path, home: str) -> None:
    """Its owner could not log in any more, and a job could read private files."""
    image = tmp_path / "images" / "runner"
    image.parent.mkdir()
    (tmp_path / "linked").symlink_to("images")
    _runner(image, "echo 2.335.1")
    for name in ("bin", ".ssh"):
        (image / name).mkdir()
    listed = f'echo "somebody:x:1001:1001:,:{tmp_path / home}:/bin/sh"'
    folder = _install(tmp_path, image, chown=f'echo "$@" >>{tmp_path}/owned', getent=listed)
    owned = (tmp_path / "owned").read_text()
    if home == "images":  # The home contains the runner's folder, and may stay as it is.
        assert folder == str(image)
        assert f"root {image}\n" in owned
    else:
        assert folder == str(tmp_path / "unpacked")
        assert {each.name for each in Path(folder).iterdir()} == {"bin", "config.sh", "run.sh"}
        assert str(image) not in owned


def test_the_home_of_a_user_that_no_list_shows_is_left_alone_too(tmp_path: Path) -> None:
    """Directories such as LDAP answer for one user, and list none."""
    image = tmp_path / "image"
    _runner(image, "echo 2.335.1")
    answered = f'[[ -z ${{2-}} ]] || echo "builder:x:1000:1000::{image}:/bin/sh"'
    assert _install(tmp_path, image, chown=":", getent=answered) == str(tmp_path / "unpacked")
