"""What the agent must still know after it was killed, or after the machine was restarted: one file of JSON."""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING

from refresh.agent.log import say

if TYPE_CHECKING:
    from typing import Any

STATE = "/opt/refresh-agent/state.json"
SCRIPT, BOOTED, INSTALLED, FAILED = "script", "booted", "installed", "failed"
"""Stages of the boot: the script was started, it succeeded, the runner is installed, or the machine cannot serve."""
REGISTERING, SERVING, REFUSED, LEAVING = "registering", "serving", "refused", "leaving"
"""Phases of a run: it has no runner yet, it has one, it could not have one, or its runner is being removed."""


class State(dict):  # type: ignore[type-arg] # its values have any type
    """The values by name. An unreadable file counts as a failed boot: a job may be running, which must go on."""

    def __init__(self, boot_id: str, path: str = STATE) -> None:
        super().__init__()
        self._path = path
        self._lock = threading.Lock()
        try:
            with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs memory and start-up time
                self.update(json.load(file))
        except FileNotFoundError:
            pass
        except (OSError, TypeError, ValueError):
            say("state.unreadable")
            self["stage"] = FAILED
        self.restarted = self.get("boot", boot_id) != boot_id
        """Whether the machine was restarted since the file was written."""
        self["boot"] = boot_id

    def save(self, **values: Any) -> None:
        """Set values. A full disk must stop nothing, so then they are only remembered."""
        with self._lock:
            self.update(values)
            try:
                with open(self._path + ".new", "w", encoding="utf-8") as file:  # noqa: PTH123 - as above
                    json.dump(self, file)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(self._path + ".new", self._path)  # noqa: PTH105 - as above
            except OSError as error:
                say(f"state.not_saved error={error.errno}")
