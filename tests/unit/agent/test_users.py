"""The user that runs the runner."""

from __future__ import annotations

import os
import pwd
import subprocess
from typing import TYPE_CHECKING

import pytest

from refresh.agent.users import add_user, homes
from tests.unit.agent.programs import tool

if TYPE_CHECKING:
    from pathlib import Path


def test_a_user_that_exists_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool(tmp_path, monkeypatch, "useradd", f"touch {tmp_path}/called")
    me = pwd.getpwuid(os.geteuid())
    user = add_user(me.pw_name)
    assert (user.name, user.uid, user.gid, user.home) == (me.pw_name, me.pw_uid, me.pw_gid, me.pw_dir)
    listed = subprocess.check_output(["/usr/bin/id", "-G", me.pw_name], text=True)  # noqa: S603 - a constant tool
    assert set(user.groups) == set(map(int, listed.split()))
    assert not (tmp_path / "called").exists()


def test_a_user_that_does_not_exist_is_created_with_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called = tmp_path / "called"

    def getpwnam(name: str) -> pwd.struct_passwd:
        if not called.exists():
            raise KeyError(name)
        return pwd.struct_passwd((name, "x", 1234, 1234, "", f"/home/{name}", "/bin/bash"))

    tool(tmp_path, monkeypatch, "useradd", f'echo "$@" >{called}')
    monkeypatch.setattr(pwd, "getpwnam", getpwnam)
    user = add_user("builder")
    assert called.read_text() == "--create-home --shell /bin/bash builder\n"
    assert (user.name, user.uid, user.gid, user.home) == ("builder", 1234, 1234, "/home/builder")
    assert user.groups == [1234]


def test_a_user_that_cannot_be_created_is_an_error_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool(tmp_path, monkeypatch, "useradd", "exit 9")
    with pytest.raises(OSError, match=r"^user.failed name=no-such-user exit=9$"):
        add_user("no-such-user")


def test_a_machine_without_useradd_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OSError, match="useradd"):
        add_user("no-such-user")


def test_every_home_of_the_machine_is_listed() -> None:
    assert pwd.getpwuid(os.geteuid()).pw_dir in homes()
    assert pwd.getpwnam("nobody").pw_dir in homes()
