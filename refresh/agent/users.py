"""The user that runs the runner."""

from __future__ import annotations

import os
import pwd
import subprocess


class User:
    """A user of this machine: the name, the numbers of the user and of all groups, and the home."""

    def __init__(self, name: str, uid: int, gid: int, groups: list[int], home: str) -> None:
        self.name = name
        self.uid = uid
        self.gid = gid
        self.groups = groups
        self.home = home


def add_user(name: str) -> User:
    """Return this user, who is created if needed. Raises OSError."""
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        found = _created(name)
    groups = os.getgrouplist(name, found.pw_gid)
    return User(name, found.pw_uid, found.pw_gid, groups, found.pw_dir)


def homes() -> list[str]:
    """Return the home of each user that the machine lists."""
    return [each.pw_dir for each in pwd.getpwall()]


def _created(name: str) -> pwd.struct_passwd:
    command = ["useradd", "--create-home", "--shell", "/bin/bash", name]
    code = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode  # noqa: S603 - a constant tool
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise OSError(f"user.failed name={name} exit={code}") from None
