"""AWS's time, which does not depend on the machine's clock, and the time since the boot."""

from __future__ import annotations

import calendar
import time

_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"


def wire(seconds: float) -> str:
    """Write seconds since 1970 as the table has times: `2026-01-31T09:05:00Z`."""
    return "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z".format(*time.gmtime(seconds))


def read_wire(text: str) -> float | None:
    """Read the form of `wire`; None for any other text."""
    try:
        seconds = calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError:
        return None
    return float(seconds) if wire(seconds) == text else None


def _read_date(date: str) -> int:
    """Read `Sat, 31 Jan 2026 09:05:00 GMT`, the only form that servers send (RFC 9110, 5.6.7)."""
    day, month, year = int(date[5:7]), _MONTHS.index(date[8:11]) // 3 + 1, int(date[12:16])
    return calendar.timegm((year, month, day, int(date[17:19]), int(date[20:22]), int(date[23:25])))


class Clock:
    """AWS's time. It counts on from the time since the boot, so a changed clock of the machine has no effect."""

    def __init__(self) -> None:
        self._offset = time.time() - self.uptime()

    def now(self) -> float:
        """Return AWS's time in seconds since 1970; before the first answer, the machine's."""
        return self.uptime() + self._offset

    def correct(self, date: str | None, asked: float, answered: float) -> None:
        """Move the time to where the Date header of an answer allows it: AWS wrote it between the two uptimes.

        A header has whole seconds. A time that already fits stays as it is; without a readable header all do.
        """
        try:
            second = _read_date(date or "")
        except ValueError:
            return
        self._offset = min(max(self._offset, second - answered), second + 1 - asked)

    def uptime(self) -> float:
        """Return the seconds since the boot, the first number of /proc/uptime."""
        with open("/proc/uptime", encoding="ascii") as file:  # noqa: PTH123 - pathlib costs memory
            return float(file.read().split()[0])

    def boot_id(self) -> str:
        """Return an id of this boot, which the next one does not have."""
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123 - pathlib costs memory
            return file.read().strip()
