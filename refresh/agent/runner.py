"""GitHub's runner: its registration, its start, and what it and its jobs see."""

# ruff: noqa: PTH107
# pathlib costs memory and start-up time.

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from refresh.agent.environment import read_environment
from refresh.agent.log import RUNNER_LOG, say
from refresh.agent.processes import finishes, start

if TYPE_CHECKING:
    from typing import Any

    from refresh.agent.processes import Session
    from refresh.agent.settings import Settings
    from refresh.agent.users import User

# The files that hold a registration; GitHub may have migrated it to files of other names.
_OLD_REGISTRATION = (".runner", ".runner_migrated", ".credentials", ".credentials_migrated", ".credentials_rsaparams")
_CONFIG_SECONDS = 30
_LOCAL_SECONDS = 15


class Runner:
    """The runner in this folder, run as this user; `variables` is the text of the image's `.env`, if there is one."""

    def __init__(self, settings: Settings, user: User, folder: str, variables: str | None) -> None:
        self._url = settings.registration_url
        self._user = user
        self.folder = folder
        self._variables = variables

    def register(self, label: str, name: str, token: str | None) -> bool:
        """Register it on GitHub with this label alone, in one attempt of at most 30 seconds; whether it succeeds."""
        for each in _OLD_REGISTRATION:
            with contextlib.suppress(OSError):
                os.remove(f"{self.folder}/{each}")
        how = ["--unattended", "--replace", "--disableupdate", "--no-default-labels", "--labels", label]
        return self._configure(token, [*how, "--url", self._url, "--name", name])

    def unregister(self, token: str | None) -> bool:
        """Remove its registration on GitHub, in one attempt of at most 30 seconds; whether it succeeds."""
        return self._configure(token, ["remove"])

    def remove_locally(self) -> bool:
        """Remove the files of its registration, in at most 15 seconds; whether it succeeds."""
        return self._config(_LOCAL_SECONDS, ["remove", "--local"], {})

    def start(self) -> Session:
        """Start it in a session of its own. Raises OSError."""
        with _runner_log() as log:
            return start(["./run.sh"], **self._how(log, {}))

    def _configure(self, token: str | None, arguments: list[str]) -> bool:
        """Pass the token in the environment, from which the runner removes it; processes can list arguments."""
        return bool(token) and self._config(_CONFIG_SECONDS, arguments, {"ACTIONS_RUNNER_INPUT_TOKEN": token})

    def _config(self, seconds: int, arguments: list[str], secrets: dict[str, Any]) -> bool:
        try:
            self._forget_variables()
            with _runner_log() as log:
                return finishes(["./config.sh", *arguments], seconds, **self._how(log, secrets))
        except OSError as error:
            say(f"runner.not_configured error={error}")
            return False

    def _forget_variables(self) -> None:
        """Remove what a job may have left for the runner to read in each start, such as a proxy that sees the token."""
        for name in (".env", ".path"):
            with contextlib.suppress(FileNotFoundError):
                os.remove(f"{self.folder}/{name}")
        if self._variables is not None:
            path = f"{self.folder}/.env"
            with open(path, "x", encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123 - see state.py
                file.write(self._variables)
            os.chown(path, self._user.uid, self._user.gid)

    def _how(self, log: Any, secrets: dict[str, Any]) -> dict[str, Any]:
        user = self._user
        own = {"HOME": user.home, "USER": user.name, "LOGNAME": user.name, "RUNNER_ALLOW_RUNASROOT": "1"}
        variables = read_environment(user.home, os.environ.get("PATH", os.defpath))
        how = {"cwd": self.folder, "env": {**os.environ, **variables, **own, **secrets}, "stdout": log, "stderr": log}
        if user.uid:
            how.update(user=user.uid, group=user.gid, extra_groups=user.groups)
        return how


def _runner_log() -> Any:
    return os.fdopen(os.open(RUNNER_LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")
