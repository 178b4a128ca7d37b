"""Ask the Python registry for known vulnerabilities of the pinned packages: `make audit`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from refresh.text import enumerated

LOCKS = tuple(f"requirements/{each}.txt" for each in ("runtime", "development", "demo", "build"))
_AUDIT = (
    *(str(Path(sys.executable).parent / "pip-audit"), "--require-hashes", "--disable-pip"),
    *("--format", "json", "--progress-spinner", "off", "--requirement"),
)


def judge(lock: str, answer: str, complaint: str) -> tuple[bool, list[str]]:
    """Return whether pip-audit's answer in JSON names a vulnerability, and lines for the log.

    A missing answer is reported: pip-audit itself calls a package clean for which it got none.
    """
    try:
        packages: list[dict[str, Any]] = json.loads(answer)["dependencies"]
    except ValueError:
        reason = next(filter(None, reversed(complaint.splitlines())), "no reason given")
        return False, [f"{lock}: NOT AUDITED, the database was not reached: {reason}"]
    unknown = [each["name"] for each in packages if "vulns" not in each]
    told = [f"{lock}: {len(packages) - len(unknown)} packages audited"]
    if unknown:
        told.append(f"{lock}: NOT AUDITED, the database had no answer for {len(unknown)}: {enumerated(unknown)}")
    found = [
        f"{lock}: {each['name']} {each['version']}: {flaw['id']}, fixed in {', '.join(flaw['fix_versions']) or 'none'}"
        for each in packages
        for flaw in each.get("vulns", [])
    ]
    return bool(found), [*told, *found]


def main() -> int:
    """Audit every lock; 1 where a package has a known vulnerability."""
    vulnerable = False
    for lock in LOCKS:
        ran = subprocess.run([*_AUDIT, lock], check=False, capture_output=True, text=True)  # noqa: S603 - ours
        found, told = judge(lock, ran.stdout, ran.stderr)
        vulnerable |= found
        sys.stdout.write("".join(f"{line}\n" for line in told))
    return int(vulnerable)


if __name__ == "__main__":
    sys.exit(main())
