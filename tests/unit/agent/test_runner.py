"""How the agent configures and starts the runner: as which user, with which variables, and who sees the token."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from refresh.agent import environment, runner
from refresh.agent.runner import Runner
from tests.unit.agent.programs import BUILDER, ROOT, end, needs_root, program, public_path, settings, until

if TYPE_CHECKING:
    from pathlib import Path

    from refresh.agent.users import User

__all__ = ["public_path"]

URL = "https://github.com/owner/repo"
PRINT = 'printf "argument=%s\\n" "$@"; env'


@pytest.fixture(autouse=True)
def _machine(public_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "ENVIRONMENT_FILE", str(public_path / "environment"))
    monkeypatch.setattr(runner, "RUNNER_LOG", str(public_path / "log"))


def _runner(
    folder: Path, user: User = ROOT, *, run: str = "exit 0", config: str = "exit 0", variables: str | None = None
) -> Runner:
    program(folder / "runner" / "run.sh", run)
    program(folder / "runner" / "config.sh", config)
    return Runner(settings(REGISTRATION_URL=URL), user, str(folder / "runner"), variables)


def _log(folder: Path) -> list[str]:
    return (folder / "log").read_text().splitlines()


def _run(it: Runner) -> int:
    """Start the runner, wait for its end and return the number of its process."""
    session = it.start()
    until(lambda: not session.running())
    return session.pid


@pytest.mark.parametrize("user", [ROOT, BUILDER], ids=lambda each: each.name)
def test_the_runner_starts_as_its_user_in_the_process_that_the_agent_knows(public_path: Path, user: User) -> None:
    """A process before it would hide its session; jobs read the user from variables."""
    if user.uid:
        needs_root()
    script = 'echo "$$ $(cut -d" " -f6 /proc/self/stat) $USER $LOGNAME $HOME $PWD $(umask) $(cat)"; id -u; id -g; id -G'
    pid = _run(_runner(public_path, user, run=script))
    groups = os.getgroups() if user is ROOT else user.groups
    first, uid, gid, listed = _log(public_path)
    assert first == f"{pid} {pid} {user.name} {user.name} {user.home} {public_path}/runner 0022 "
    assert (int(uid), int(gid)) == ((os.geteuid(), os.getegid()) if user is ROOT else (user.uid, user.gid))
    assert set(map(int, listed.split())) == {int(gid), *groups}


@pytest.mark.shows("A24")
def test_a_job_sees_what_logins_get_from_etc_environment(public_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the home of the runner's user; the agent itself gets none of it."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("LANG", "C.UTF-8")
    (public_path / "environment").write_text("ImageOS=ubuntu24\nPATH=$HOME/bin\nAWS_REGION=eu-north-1\n")
    before = dict(os.environ)
    _run(_runner(public_path, BUILDER if not os.geteuid() else ROOT, run="env"))
    home = BUILDER.home if not os.geteuid() else ROOT.home
    expected = {"ImageOS=ubuntu24", f"PATH={home}/bin:/usr/bin:/bin", "AWS_REGION=eu-north-1", "LANG=C.UTF-8"}
    assert expected <= set(_log(public_path))
    assert dict(os.environ) == before


def test_each_start_reads_etc_environment_anew(public_path: Path) -> None:
    it = _runner(public_path, run="echo $ImageOS")
    for value in ("one", "two"):
        (public_path / "environment").write_text(f"ImageOS={value}")
        _run(it)
    assert _log(public_path) == ["one", "two"]


@pytest.mark.parametrize("name", ["HOME", "USER", "LOGNAME", "RUNNER_ALLOW_RUNASROOT", "ACTIONS_RUNNER_INPUT_TOKEN"])
def test_etc_environment_cannot_break_what_the_runner_needs(public_path: Path, name: str) -> None:
    (public_path / "environment").write_text(f"{name}=broken\n")
    assert _runner(public_path, config=PRINT).register("42", "i-1-1", "REG")
    own = {
        "HOME": "/root",
        "USER": "root",
        "LOGNAME": "root",
        "RUNNER_ALLOW_RUNASROOT": "1",
        "ACTIONS_RUNNER_INPUT_TOKEN": "REG",
    }
    assert f"{name}={own[name]}" in _log(public_path)
    assert "broken" not in "".join(_log(public_path))


def test_a_registration_has_the_label_alone_and_replaces_one_of_its_name(public_path: Path) -> None:
    assert _runner(public_path, config=PRINT).register("42-name", "i-1-3", "REG")
    given = [each.removeprefix("argument=") for each in _log(public_path) if each.startswith("argument=")]
    flags = ["--unattended", "--replace", "--disableupdate", "--no-default-labels"]
    assert given == [*flags, "--labels", "42-name", "--url", URL, "--name", "i-1-3"]


@pytest.mark.parametrize("configure", [lambda it: it.register("42", "i-1-1", "REG"), lambda it: it.unregister("REG")])
def test_only_the_configuration_gets_the_token_and_not_as_an_argument(public_path: Path, configure: object) -> None:
    """Processes can list arguments."""
    assert callable(configure)
    it = _runner(public_path, config=PRINT, run=PRINT)
    assert configure(it)
    assert [each for each in _log(public_path) if "REG" in each] == ["ACTIONS_RUNNER_INPUT_TOKEN=REG"]
    (public_path / "log").unlink()
    assert it.remove_locally()
    _run(it)
    assert "RUNNER_ALLOW_RUNASROOT=1" in _log(public_path)
    assert not [each for each in _log(public_path) if "REG" in each or "TOKEN" in each]
    assert "ACTIONS_RUNNER_INPUT_TOKEN" not in os.environ


def test_a_removal_on_github_and_a_local_one_differ(public_path: Path) -> None:
    it = _runner(public_path, config='echo "$@"')
    assert it.unregister("REG")
    assert it.remove_locally()
    assert _log(public_path) == ["remove", "remove --local"]


@pytest.mark.parametrize("token", ["", None])
def test_without_a_token_nothing_is_configured(public_path: Path, token: str | None) -> None:
    it = _runner(public_path, config='echo "$@"')
    assert not it.register("42", "i-1-1", token)
    assert not it.unregister(token)
    assert not (public_path / "log").exists()


def test_a_refused_configuration_is_a_failure(public_path: Path) -> None:
    it = _runner(public_path, config="exit 1")
    assert not it.register("42", "i-1-1", "REG")
    assert not it.unregister("REG")
    assert not it.remove_locally()


def test_a_configuration_that_hangs_ends_after_its_limit(public_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """30 seconds with GitHub and 15 without."""
    it = _runner(public_path)
    limits: list[float] = []
    monkeypatch.setattr(runner, "finishes", lambda _, seconds, **__: limits.append(seconds))
    assert not it.register("42", "i-1-1", "REG")
    assert not it.unregister("REG")
    assert not it.remove_locally()
    assert limits == [30, 30, 15]


def test_a_registration_removes_what_an_earlier_one_left(public_path: Path) -> None:
    """GitHub may have migrated it to files of other names. A job may have put a folder in a file's place."""
    it = _runner(public_path, config="ls -A")
    folder = public_path / "runner"
    for each in (".credentials", ".credentials_migrated", ".credentials_rsaparams", ".runner_migrated", ".env"):
        (folder / each).touch()
    (folder / ".runner").mkdir()
    assert it.register("42", "i-1-1", "REG")
    assert _log(public_path) == [".runner", "config.sh", "run.sh"]
    (folder / ".runner").rmdir()
    (folder / ".runner").touch()
    assert it.register("42", "i-1-1", "REG")
    assert not (folder / ".runner").exists()


@pytest.mark.shows("A72")
@pytest.mark.parametrize("variables", [None, "ImageOS=ubuntu24\n\udcff"], ids=["no file", "the image's file"])
def test_variables_that_a_job_left_for_the_runner_never_meet_the_token(
    public_path: Path, variables: str | None
) -> None:
    """The runner reads both files in each start: a proxy in them would see the token."""
    it = _runner(public_path, config="cat .env .path; exit 0", variables=variables)
    folder = public_path / "runner"
    (folder / ".path").write_text("/home/evil\n")
    (folder / ".env").symlink_to(public_path / "evil")
    (public_path / "evil").write_text("https_proxy=http://evil.example:8080\n")
    for configured in (it.register("42", "i-1-1", "REG"), it.unregister("REG"), it.remove_locally()):
        assert configured
    log = (public_path / "log").read_text(errors="surrogateescape")
    assert "evil" not in log
    assert log.count("ImageOS=ubuntu24\n\udcff") == (3 if variables else 0)
    assert (public_path / "evil").exists()


def test_variables_that_cannot_be_removed_keep_the_token_away(public_path: Path) -> None:
    it = _runner(public_path, config="touch configured")
    (public_path / "runner" / ".env").mkdir()
    assert not it.register("42", "i-1-1", "REG")
    assert not (public_path / "runner" / "configured").exists()


def test_configuration_and_runner_write_to_the_same_log_which_only_root_can_read(public_path: Path) -> None:
    it = _runner(public_path, config="echo configured; echo wrong >&2", run="echo ran; echo odd >&2")
    assert it.register("42", "i-1-1", "REG")
    _run(it)
    assert _log(public_path) == ["configured", "wrong", "ran", "odd"]
    assert (public_path / "log").stat().st_mode & 0o777 == 0o600


def test_the_configuration_has_a_session_of_its_own(public_path: Path) -> None:
    it = _runner(public_path, config='echo "$$ $(cut -d" " -f6 /proc/self/stat)"')
    assert it.register("42", "i-1-1", "REG")
    pid, session = _log(public_path)[0].split()
    assert pid == session


def test_the_runner_goes_on_until_it_is_stopped(public_path: Path) -> None:
    session = _runner(public_path, run="sleep 1000").start()
    assert session.running()
    end(session)
    assert not session.running()


def test_a_runner_that_is_missing_is_an_error_to_start_and_a_failure_to_configure(public_path: Path) -> None:
    it = Runner(settings(), ROOT, str(public_path / "missing"), None)
    assert not it.register("42", "i-1-1", "REG")
    with pytest.raises(OSError, match="missing"):
        it.start()


def test_a_log_that_cannot_be_written_is_a_failure_to_configure(
    public_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The agent goes on: its machine beats and ends when its time is over."""
    monkeypatch.setattr(runner, "RUNNER_LOG", str(public_path / "missing" / "log"))
    assert not _runner(public_path).register("42", "i-1-1", "REG")
    assert "runner.not_configured" in capfd.readouterr().err
