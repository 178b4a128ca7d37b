"""Whether a machine of the label works, may become ready, or is given up; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.pool import lifecycle
from refresh.pool.records import read_time
from refresh.pool.signals import REGISTRATION_FAILED, SCRIPT_FAILED
from refresh.provision import candidates, findings

if TYPE_CHECKING:
    from datetime import datetime

    from refresh.desired import DesiredProvision
    from refresh.pool.records import InstanceRecord
    from refresh.provision.actual import Actual

_FAILURES = {SCRIPT_FAILED: findings.SCRIPT_FAILED, REGISTRATION_FAILED: findings.NOT_REGISTERED}


def judge(desired: DesiredProvision, actual: Actual, record: InstanceRecord, now: datetime) -> str | None:
    """Return why a machine of the label is given up; None if it is ready or may become so."""
    reclaimed_at = actual.report(record.id).reclaimed_at
    if reclaimed_at is not None:
        return findings.reclaimed(reclaimed_at)
    usable = (*desired.usage_classes, *desired.launched_as)
    # EC2 need not say of which type it has launched a machine.
    if record.id not in actual.launches.launched and not candidates.fits(desired, record, usable):
        return findings.ASKED_OTHERWISE
    if record.expires is None or record.expires <= now:
        return findings.EXPIRED
    if record.state == lifecycle.RUNNING:
        return _stopped(desired, actual, record)
    return _failed(desired, actual, record)


def _stopped(desired: DesiredProvision, actual: Actual, record: InstanceRecord) -> str | None:
    """Return why a running machine is of no use any more; None if it works."""
    if not actual.beats_on(record.id):
        return findings.SILENT
    signal = actual.report(record.id).signal
    registered = signal.registered_for(desired.label) if signal else actual.signals_expire
    return None if registered else findings.NOT_REGISTERED


def _failed(desired: DesiredProvision, actual: Actual, record: InstanceRecord) -> str | None:
    """Return why a machine that has yet to run will not; None if it may."""
    report, beats = actual.report(record.id), actual.beats_on(record.id)
    signal = report.signal
    if signal and signal.failed_for(desired.label):
        return _FAILURES.get(signal.state, f"its agent reported {signal.state}")
    since = read_time(record.updated_at)
    longest = lifecycle.BOOTS_WITHIN if record.state == lifecycle.CREATED else lifecycle.REGISTERS_WITHIN
    late = since is None or actual.seen_at(record.id) - since > longest
    if late and not (beats and signal and signal.registered_for(desired.label)):
        return findings.late(record.state, longest, silent=not beats, unheard=report.beat is None)
    return None
