"""What one component waits for of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh import errors
from refresh.desired import Mode
from refresh.engine.change import Unchecked
from refresh.engine.report import ComponentReport
from refresh.pool.ec2_instances import Ec2State
from refresh.preflight.image_lookup import Image, RootDevice
from refresh.reconciler.garbage_collector.actual import Actual as Collected
from refresh.reconciler.garbage_collector.changes import Clean, Terminate
from refresh.reconciler.runner_release import policy as release_policy
from refresh.reconciler.runner_release.releases import Release
from refresh.reconciler.state_table import policy as table_policy

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from refresh.desired import DesiredState
    from refresh.engine.change import Change
    from refresh.engine.component import Converged
    from refresh.ports import GitHub
    from refresh.reconciler.registration_token.actual import Actual as StoredToken
    from refresh.reconciler.runner_release.actual import Actual as KnownReleases
    from refresh.reconciler.state_table.actual import Actual as Table


_COLLECTOR_BLIND = Unchecked("the garbage collector could not read the instances (see its error above)")


def root_device(desired: DesiredState, image: Callable[[], Image]) -> RootDevice | None:
    """Wait for the image, where volumes are to be other than its own."""
    if desired.root_volume:
        return image().root_device()
    return image().devices() if desired.delete_volumes_on_termination else None


def require_administration(desired: DesiredState, github: GitHub) -> None:
    """See in mode plan whether GitHub would give the token that is due."""
    if desired.mode is Mode.PLAN:
        github.require_administration()


def require_table(desired: DesiredState, table: Future[Converged[Table]]) -> None:
    """Wait for the table, without which nothing may be written; in mode plan one that could be made is enough."""
    converged = table.result()
    planned = desired.mode is Mode.PLAN and converged.report.error is None
    if not planned and (converged.actual is None or not table_policy.usable(desired, converged.actual)):
        raise errors.Blocked("the state table is not ready (see its error above)")


def release(desired: DesiredState, found: Future[Converged[KnownReleases]]) -> Release:
    """Wait for the runner release; raises where none is known."""
    converged = found.result()
    if converged.actual is None:
        raise errors.Blocked("the runner release is not known (see its error above)")
    return release_policy.effective(desired, converged.actual)


def ended(collector: Future[Converged[Collected]], token: Future[Converged[StoredToken]]) -> frozenset[str] | Unchecked:
    """Give the recorded instances that EC2 calls terminated, where this run ended some or had to ask GitHub anyway."""
    collected, issued = collector.result(), token.result()
    ended_some = any(isinstance(change, Terminate | Clean) for change in _made(collected.report))
    if collected.actual is None:
        return _COLLECTOR_BLIND
    if not (ended_some or _made(issued.report)):
        if issued.report.failed:
            return Unchecked("GitHub gave no registration token (see the error above)")
        return Unchecked("this run ended no instance and needed no token from GitHub", due=False)
    instances = collected.actual.instances
    cleaned = _cleaned(collected)
    return cleaned | {
        record.id
        for record in collected.actual.records
        if record.id in instances and instances[record.id].state is Ec2State.TERMINATED
    }


def recorded(collector: Future[Converged[Collected]]) -> frozenset[str] | Unchecked:
    """Give every id that has a record, where this run cleaned up an instance."""
    collected = collector.result()
    if collected.actual is None:
        return _COLLECTOR_BLIND
    if not _cleaned(collected):
        return Unchecked("this run cleaned up no instance", due=False)
    return frozenset(record.id for record in collected.actual.records)


def _cleaned(collected: Converged[Collected]) -> frozenset[str]:
    """Give the ids whose records this run cleans."""
    return frozenset(change.record.id for change in _made(collected.report) if isinstance(change, Clean))


def _made(report: ComponentReport) -> tuple[Change, ...]:
    """Give what a run does: in mode plan what is planned, and what follows before EC2 has ended anything more."""
    if report.mode is Mode.APPLY:
        return report.done
    later = {change.id for change in (*report.planned, *report.following) if isinstance(change, Terminate)}
    cleanings = (change for change in report.following if isinstance(change, Clean) and change.record.id not in later)
    return (*report.planned, *cleanings)
