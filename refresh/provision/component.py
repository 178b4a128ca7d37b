"""Provision: looks at the pool, plans a step and makes it, until enough machines are ready or no more can come."""

from __future__ import annotations

import random
from concurrent.futures import wait
from contextlib import suppress
from typing import TYPE_CHECKING

from attrs import evolve

from refresh import errors
from refresh.desired import Mode
from refresh.dynamodb import reports
from refresh.dynamodb.transactions import Sender
from refresh.engine.account import AccountGate
from refresh.engine.change import Done, Failed, Postponed
from refresh.engine.component import defect
from refresh.engine.report import ComponentReport
from refresh.pool import lifecycle, names
from refresh.pool.records import InstanceRecord
from refresh.provision import apply, findings, giving_back, look, policy, predict
from refresh.provision.actual import Actual
from refresh.provision.changes import Claim, Conclude, GiveUp, Launch, Record, Renew, Start
from refresh.provision.result import Machine, Patience, Provided

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Executor, Future
    from datetime import datetime

    from refresh.desired import DesiredProvision
    from refresh.engine.change import Outcome
    from refresh.pool.launch import Fleet, FleetAnswer
    from refresh.pool.runs import RunRequest
    from refresh.ports import Clock, DoorClients
    from refresh.provision.changes import ProvisionChange

NAME = "provision"
_CONTINUED = "The release job of this run gives its machines back, otherwise refresh does once their time is over."
_TRIES = 3
"""After how many failed batches of writes, or failed reads, in a row it ends; the client repeats each by itself."""


class Provisioning:
    """One provision, from its first call to its answer."""

    def __init__(  # noqa: PLR0913 - the four things that a run is made of, and its hooks by name
        self,
        desired: DesiredProvision,
        clients: DoorClients,
        clock: Clock,
        executor: Executor,
        *,
        first: look.First | None = None,
        patience: Patience | None = None,
        chance: random.Random | None = None,
    ) -> None:
        """`first` are calls that are under way; `chance` selects among machines that are equally good."""
        self.desired = desired
        self._clients, self._clock, self._executor = clients, clock, executor
        self._first = first
        self._patience = patience or Patience()
        self._chance = chance or random.Random()  # noqa: S311 - no secret is made of it
        self._sender = Sender(clients.dynamodb, clock, executor, self._patience.stopped)
        self._gate = AccountGate(desired.allowed_account_ids, clients.on_demand, executor)
        self._table = names.table(desired.repository)
        self._began_at = clock.now()
        self._holder = ""
        self._actual: Actual | None = None
        self._fleet: Future[FleetAnswer] | None = None
        self._failures = 0
        """How many batches of writes have failed in a row."""
        self._unread = 0
        """How many reads have failed in a row."""
        self._report = ComponentReport(name=NAME, mode=desired.mode)

    def run(self) -> Provided:
        """Work to the end; an error ends it, and is in the report."""
        try:
            self._work()
        except errors.RefreshError as error:
            self._ended(error)
            self._record_launched()
        except Exception as error:  # noqa: BLE001 - the machines that are ready are reported nonetheless
            self._ended(defect(error))
            self._record_launched()
        return self.provided()

    def abandoned(self) -> Provided:
        """Report, from another thread, the progress of a provision that still waits for an answer."""
        self._ended(
            errors.Interrupted(
                "stopped as asked; the call in progress was not answered in time, so its effect is unknown. "
                f"{_CONTINUED}"
            )
        )
        return self.provided()

    def provided(self) -> Provided:
        """Return what there is at this moment."""
        outcomes = {(type(each.change), each.change.subject): each for each in self._report.outcomes}
        report = evolve(self._report, outcomes=tuple(outcomes.values()), duration=self._clock.now() - self._began_at)
        ready = tuple(self._ready())
        complete = self._report.error is None and len(ready) >= self.desired.fewest
        if complete:
            report = evolve(report, warnings=(*report.warnings, *report.refusals), refusals=())
        if complete and self._actual and not self._report.refusals:
            # A shortage names them itself.
            report = evolve(report, notes=(*report.notes, *findings.taken_back(self._actual)))
        return Provided(report=report, ready=ready, available=complete)

    def _ready(self) -> Iterable[Machine]:
        known = self._actual
        if known is None or self.desired.mode is Mode.PLAN:
            return
        for record in known.records.values():
            if not isinstance(record, InstanceRecord) or record.run_id != self.desired.label:
                continue
            if record.state == lifecycle.RUNNING and record.id not in known.given_up:
                yield Machine(record=record, origin=known.origin(record.id))

    def _work(self) -> None:
        calls = self._first or look.first(self.desired, self._clients, self._clock, self._executor)
        self._holder = calls.request.holder
        self._look(calls.reads, self._began_at)
        self._gate()
        lease = look.require_lease(self.desired, self._clients, self._clock, calls)
        actual = self._actual = evolve(self._known(), inherits=lease.inherits)
        if lease.rescued or findings.of_others(actual, self._now()):
            self._look_again()
        while True:
            actual = self._collected()
            step = policy.plan(self.desired, calls.request, actual, self._now(), self._chance)
            if any(isinstance(each, Conclude) for each in step.changes):
                # The last words count: an earlier result may not have been written.
                self._report = evolve(self._report, refusals=step.problems)
            if not self._report.planned:
                self._report = evolve(self._report, planned=step.changes)
            if self.desired.mode is Mode.PLAN:
                self._report = evolve(self._report, following=self._following(calls.request, actual, step.changes))
                return
            self._stop_if_asked()
            if step.changes:
                self._apply(step.changes)
                if step.refused:
                    self._report = evolve(self._report, refusals=())
                    raise errors.Refused(" ".join(step.problems))
            elif step.look:
                self._tolerate(self._look_again)
            elif step.wait:
                self._wait(step.wait.total_seconds())
            else:
                return

    def _following(
        self, request: RunRequest, actual: Actual, changes: Sequence[ProvisionChange]
    ) -> tuple[ProvisionChange, ...]:
        """Return what the planned changes lead to, such as a launch after claims."""
        then = predict.after(actual, map(Done, changes))
        later = policy.plan(self.desired, request, then, self._now(), self._chance).changes
        return tuple(each for each in later if each not in changes)

    def _now(self) -> datetime:
        return self._clock.now() + self._clients.skew()

    def _look_again(self) -> None:
        asked_at = self._clock.now()
        self._look(look.start(self.desired, self._clients, self._executor), asked_at)

    def _look(self, reads: look.Reads, asked_at: datetime) -> None:
        """Read the whole pool, then what agents report; what this provision has done so far stays known."""
        settings, records = look.read(self.desired, reads)
        now = asked_at + self._clients.skew()
        known = self._actual or Actual(
            label=self.desired.label,
            holder=self._holder,
            settings=settings,
            began_at=now,
            looked_at=now,
            records={},
        )
        found = evolve(
            known,
            settings=settings,
            looked_at=now,
            records=records,
            lost_since_look=0,
            failed_since_look=False,
            launches=evolve(known.launches, tried=frozenset()),
            skew=self._clients.skew(),
        )
        ids = policy.judged(self.desired, found, now)
        reported_at = self._now()
        role_id = settings.runner_role_id
        told = reports.read(self._clients.dynamodb, self._clock, self._executor, self._table, role_id, ids)
        self._actual = evolve(found, reports=told, read_at=dict.fromkeys(ids, reported_at))

    def _known(self) -> Actual:
        assert self._actual is not None  # noqa: S101 - the run begins with a look
        return self._actual

    def _collected(self) -> Actual:
        """Take the answer of EC2, if it is there."""
        if self._fleet and self._fleet.done():
            fleet, self._fleet = self._fleet, None
            self._actual = predict.answered(self._known(), fleet.result())
        return self._known()

    def _stop_if_asked(self) -> None:
        if self._patience.stopped():
            raise errors.Interrupted(f"stopped as asked, before all machines were ready. {_CONTINUED}")

    def _record_launched(self) -> None:
        """Record what EC2 has launched, even after an error or a stop, so that none is left untracked."""
        if self._actual is None:
            return
        while self._fleet and not self._fleet.done() and not self._patience.out():
            wait([self._fleet], timeout=policy.SOON.total_seconds())
        try:
            records = tuple(policy.recorded(self.desired, self._collected(), self._now()))
            if records:
                self._patience.write_anyway()
                sender = evolve(self._sender, over=lambda: False)
                self._note(tuple(apply.write(self._table, self._version, sender, records)))
        except errors.RefreshError as error:
            self._report = evolve(self._report, warnings=(*self._report.warnings, str(error)))

    @property
    def _version(self) -> str:
        return str(self._known().settings.template_version or "")

    def _apply(self, changes: Sequence[ProvisionChange]) -> None:
        """Make the changes; a fleet is asked for first, since EC2 takes longest."""
        written = [each for each in changes if isinstance(each, (Record, Start, Renew, Conclude))]
        launches = [each for each in changes if isinstance(each, Launch)]
        claims = [each for each in changes if isinstance(each, Claim)]
        given_up = [each for each in changes if isinstance(each, GiveUp)]
        for each in launches:
            self._launch(each.fleet)
        if given_up:
            # Before the result: after a failure another provision may take the label.
            self._give_up(given_up)
        if written:
            self._settle(apply.write(self._table, self._version, self._sender, written))
        if claims:
            self._settle(apply.claim(self._table, self._sender, claims))

    def _launch(self, fleet: Fleet) -> None:
        actual = self._known()
        first = not actual.launches.answers
        # Without an earlier provision, an unrecorded machine of the label is one that another program prepares.
        recorded = frozenset(actual.records) if first and actual.inherits else None
        self._fleet = self._executor.submit(apply.launched, self._clients, fleet, recorded, actual.began_at)
        self._actual = evolve(actual, launches=evolve(actual.launches, under_way=fleet))

    def _settle(self, outcomes: Iterable[Outcome]) -> None:
        """Note what came of changes, stop after repeated failures, and read what is uncertain again."""
        listed = tuple(outcomes)
        self._note(listed)
        failed = [each for each in listed if isinstance(each, Failed)]
        self._failures = self._failures + 1 if failed else 0
        if failed and (self._failures == _TRIES or isinstance(failed[0].error, errors.PermissionDenied)):
            raise failed[0].error
        if failed:
            self._clock.sleep(policy.LATER.total_seconds())
        if doubtful := [each.change.subject for each in listed if _uncertain(each)]:
            self._read(doubtful)

    def _note(self, outcomes: tuple[Outcome, ...]) -> None:
        self._actual = predict.after(self._known(), outcomes)
        self._report = evolve(self._report, outcomes=(*self._report.outcomes, *outcomes))

    def _give_up(self, changes: Sequence[GiveUp]) -> None:
        # A later attempt may have taken the label from a run that was believed dead.
        with suppress(errors.Throttled, errors.Unavailable):
            look.require_label(self.desired, self._clients, self._holder)
        actual = self._known()
        self._actual = evolve(
            actual,
            given_up={**actual.given_up, **{each.id: each.why for each in changes}},
            failed_since_look=actual.outdated(self._now()),
        )
        reports = giving_back.give_up(
            self.desired,
            actual.settings,
            self._clients,
            self._clock,
            self._executor,
            self._patience.stopped,
            changes,
        )
        for report in reports:
            self._report = evolve(
                self._report,
                outcomes=(*self._report.outcomes, *report.outcomes),
                warnings=(*self._report.warnings, *report.warnings, *report.refusals),
                notes=(*self._report.notes, *report.notes),
            )
            if isinstance(report.error, (errors.Interrupted, errors.CredentialsExpired)):
                raise report.error
            if report.error:
                # What is left to do here must not cost the machines that are ready.
                self._report = evolve(self._report, warnings=(*self._report.warnings, str(report.error)))

    def _wait(self, seconds: float) -> None:
        """Wait, then read the machines of the label."""
        self._clock.sleep(seconds)
        mine = [each.id for each in policy.of_label(self.desired, self._known())]
        if mine and not self._patience.stopped():
            self._tolerate(lambda: self._read(mine))

    def _tolerate(self, read: Callable[[], None]) -> None:
        """Read, and go on with what is known if AWS does not answer: each machine has its own time limit."""
        try:
            read()
        except (errors.Throttled, errors.Unavailable):
            self._unread += 1
            if self._unread == _TRIES:
                raise
            self._clock.sleep(policy.LATER.total_seconds())
        else:
            self._unread = 0

    def _read(self, identifiers: Sequence[str]) -> None:
        asked_at = self._clock.now()
        actual = self._known()
        role_id = actual.settings.runner_role_id
        found = look.machines(self.desired, self._clients, self._clock, role_id, identifiers)
        self._actual = predict.read(actual, found, identifiers, asked_at + self._clients.skew())

    def _ended(self, error: errors.RefreshError) -> None:
        self._report = evolve(self._report, error=error)


def _uncertain(outcome: Outcome) -> bool:
    """Whether the record may be as it was to become: an answer was lost, perhaps that of a first try."""
    return not isinstance(outcome, (Done, Postponed)) and not isinstance(outcome.change, Conclude)
