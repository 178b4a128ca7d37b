"""What components are built from: clients, shared reads and the results of other components."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import evolve, frozen

from refresh import errors
from refresh.desired import Mode
from refresh.engine.change import Unchecked
from refresh.engine.report import ComponentReport
from refresh.pool.ec2_instances import Ec2State
from refresh.reconciler.garbage_collector import GarbageCollector
from refresh.reconciler.garbage_collector.changes import Clean, Terminate
from refresh.reconciler.launch_template import LaunchTemplate, observe
from refresh.reconciler.launch_template.changes import RecordTemplate
from refresh.reconciler.registration_token import RegistrationToken
from refresh.reconciler.runner_release import RunnerRelease
from refresh.reconciler.runner_release import policy as release_policy
from refresh.reconciler.state_table import StateTable
from refresh.reconciler.state_table import policy as table_policy
from refresh.reconciler.warm_pool.actual import Template

if TYPE_CHECKING:
    from refresh.desired import DesiredState
    from refresh.dynamodb.transactions import Sender
    from refresh.engine.change import Change
    from refresh.engine.component import Component, Converged
    from refresh.engine.registration import Registration
    from refresh.engine.shared_read import LazyRead
    from refresh.ports import Clients, Clock
    from refresh.preflight import Preflight
    from refresh.preflight.image_lookup import Image, RootDevice
    from refresh.preflight.profile_lookup import Profile
    from refresh.reconciler.garbage_collector.actual import Actual as Collected
    from refresh.reconciler.prefetch import Prefetch
    from refresh.reconciler.runner_release.releases import Release

ActualT = TypeVar("ActualT")

_COLLECTOR_BLIND = Unchecked("the garbage collector could not read the instances (see its error above)")


@frozen(kw_only=True)
class Dependencies:
    """The means of a run, and the components that have started; every method here waits for one of these."""

    desired: DesiredState
    clients: Clients
    clock: Clock
    executor: Executor
    prefetch: Prefetch
    sender: Sender
    preflight: Preflight
    image: LazyRead[Image]
    profile: LazyRead[Profile]
    over: Callable[[], bool]
    """Whether nothing new may be started."""
    write_anyway: Callable[[], object]
    """Called before records of launched machines are written although the run was asked to stop."""
    progress: Callable[[str, int, int], None]
    """Reports the progress of long work: "terminated", 300, 5000."""
    started: Mapping[str, Future[Converged[Any]]]
    """The result of each component, by its name."""

    def of(self, registration: Registration[Dependencies]) -> Dependencies:
        """Limit the started components to those that its registration names in `after`."""
        return evolve(self, started={name: self.started[name] for name in registration.after})

    def require_table(self) -> None:
        """Wait for the state table and raise unless it can be written to; in mode plan, one to be created counts."""
        table = self._converged(StateTable)
        planned = self.desired.mode is Mode.PLAN and table.report.error is None
        if not planned and (table.actual is None or not table_policy.usable(self.desired, table.actual)):
            raise errors.Blocked("the state table is not ready (see its error above)")

    def require_administration(self) -> None:
        """Raise in mode plan if GitHub would refuse the token that is due."""
        if self.desired.mode is Mode.PLAN:
            self.clients.github.require_administration()

    def root_device(self) -> RootDevice | None:
        """Wait for the image's root device; None if volumes stay as the image has them."""
        if self.desired.root_volume:
            return self.image().root_device()
        return self.image().devices() if self.desired.delete_volumes_on_termination else None

    def release(self) -> Release:
        """Wait for the runner release; raises if none is known."""
        found = self._converged(RunnerRelease)
        if found.actual is None:
            raise errors.Blocked("the runner release is not known (see its error above)")
        return release_policy.effective(self.desired, found.actual)

    def reports(self) -> tuple[ComponentReport, ...]:
        """Wait for all components that this one comes after."""
        return tuple(each.result().report for each in self.started.values())

    def ended(self) -> frozenset[str] | Unchecked:
        """Wait for the recorded instances that EC2 calls terminated.

        They are looked for only if this run ended an instance or needed a token from GitHub.
        """
        collected, token = self._converged(GarbageCollector), self._converged(RegistrationToken)
        ended_some = any(isinstance(change, Terminate | Clean) for change in _made(collected.report))
        if collected.actual is None:
            return _COLLECTOR_BLIND
        if not (ended_some or _made(token.report)):
            if token.report.failed:
                return Unchecked("GitHub gave no registration token (see the error above)")
            return Unchecked("this run ended no instance and needed no token from GitHub", due=False)
        instances = collected.actual.instances
        return _cleaned(collected) | {
            record.id
            for record in collected.actual.records
            if record.id in instances and instances[record.id].state is Ec2State.TERMINATED
        }

    def collected(self) -> Collected | Unchecked:
        """Wait for what the collector read last, before its last changes if it did not end well."""
        found = self._converged(GarbageCollector).actual
        return _COLLECTOR_BLIND if found is None else found

    def recorded(self) -> frozenset[str] | Unchecked:
        """Wait for the ids of all records, which are needed only if this run cleaned up an instance."""
        collected = self._converged(GarbageCollector)
        if collected.actual is None:
            return _COLLECTOR_BLIND
        if not _cleaned(collected):
            return Unchecked("this run cleaned up no instance", due=False)
        return frozenset(record.id for record in collected.actual.records)

    def require_collected(self) -> Collected:
        """Wait for the collector, and return what it observed last; raises `Blocked` if that is nothing."""
        found = self._converged(GarbageCollector).actual
        if found is None:
            raise errors.Blocked(_COLLECTOR_BLIND.reason)
        return found

    def template(self) -> Template:
        """Wait for the launch template: in mode plan as it will be."""
        found = self._converged(LaunchTemplate)
        changes = (*found.report.planned, *found.report.following) if found.report.planning else ()
        for change in changes:
            if isinstance(change, RecordTemplate):
                return Template(id=change.template_id, version=change.version)
        doubt = "the launch template is not as desired (see its error above)" if found.report.failed else ""
        try:
            versions = self.prefetch.versions()
        except errors.ApiError:
            return Template(doubt=doubt or "EC2 did not describe the launch template")
        listing = observe.listing(versions)
        if listing.default is None:
            return Template(doubt=doubt or "there is no launch template")
        return Template(id=listing.template_id, version=listing.default.number, doubt=doubt)

    def _converged(self, component: type[Component[ActualT, Any]]) -> Converged[ActualT]:
        name: Any = component.name
        return self.started[name].result()


def _cleaned(collected: Converged[Collected]) -> frozenset[str]:
    """Return the ids whose records this run cleans."""
    return frozenset(change.record.id for change in _made(collected.report) if isinstance(change, Clean))


def _made(report: ComponentReport) -> tuple[Change, ...]:
    """Return a run's changes; in mode plan the planned ones and those that follow at once."""
    if report.mode is Mode.APPLY:
        return report.done
    later = {change.id for change in (*report.planned, *report.following) if isinstance(change, Terminate)}
    cleanings = (change for change in report.following if isinstance(change, Clean) and change.record.id not in later)
    return (*report.planned, *cleanings)
