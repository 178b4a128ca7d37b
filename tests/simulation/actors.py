"""The other processes that touch the pool during a run, each as one atomic effect with its own clock.

The conditions are those of docs/table.md, INSTANCE.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from refresh.pool import records
from refresh.pool.names import LAUNCH_TEMPLATE_IDENTIFIER
from tests.fakes.desired import LARGE_QUEUE, TEMPLATE
from tests.fakes.memory.account import Watch
from tests.fakes.memory.ec2 import ALIVE
from tests.simulation.invariants import STRANGER, crashed
from tests.simulation.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.memory.account import Seam

SKEWS = (-60, -3, 0, 3, 60)
"""Seconds by which an actor's clock may be off."""

NEIGHBOUR = "octo-gadgets-ci-launch-template"
RUN = "77"
OTHER_RUN = "88"
_IDLE_TIME, _RUNTIME, _CLAIM, _CREATION = 420, 1800, 300, 600


@frozen
class Hands:
    """A process with a clock of its own, and the instance that it works on."""

    pool: Pool
    instance_id: str
    skew: int = 0

    def _time(self, seconds: float = 0) -> str:
        return records.wire_time(self.pool.account.clock.now() + timedelta(seconds=self.skew + seconds))

    def _record(self) -> dict[str, Any] | None:
        return self.pool.table.of(records.INSTANCE).get(self.instance_id)

    def _change(self, was: str, whose: str | None, **changed: str) -> None:
        """Change the record if it is in this state, of this run (any run if None) and not expired by this clock."""
        record = self._record()
        if record is None or records.text(record, "state") != was:
            return
        if whose is not None and records.text(record, "runId") != whose:
            return
        if not (records.text(record, "threshold") or "") > self._time():
            return
        written = {name: {"S": value} for name, value in {**changed, "updatedAt": self._time()}.items()}
        self.pool.table.put({**record, **written})

    def register(self) -> None:
        """Record it as provision does after the launch, unless it has a record."""
        if self._record() is None:
            beats = self.pool.ec2.state(self.instance_id) in ALIVE
            threshold = self._time(_CREATION)
            self.pool.record(self.instance_id, artifacts=beats, state="created", runId=RUN, threshold=threshold)

    def start(self) -> None:
        """Put it to work: created or claimed to running."""
        self._change("created", RUN, state="running", threshold=self._time(_RUNTIME))
        self._change("claimed", OTHER_RUN, state="running", threshold=self._time(_RUNTIME))

    def claim(self) -> None:
        """Claim it for another run."""
        self._change("idle", "", state="claimed", runId=OTHER_RUN, threshold=self._time(_CLAIM))

    def unclaim(self) -> None:
        """Give a claim back."""
        self._change("claimed", OTHER_RUN, state="idle", runId="")

    def release(self) -> None:
        """Give it back to the pool."""
        for run_id in (RUN, OTHER_RUN):
            self._change("running", run_id, state="idle", runId="", threshold=self._time(_IDLE_TIME))

    def expire(self) -> None:
        """Expire it, as provision and release do with a broken one."""
        for state in sorted(records.LIVING_STATES):
            self._change(state, None, threshold=self._time(-1))

    def renew(self) -> None:
        """Renew its threshold in place, whatever it was: an owner's hand."""
        record = self._record()
        if record and records.text(record, "state") != records.TERMINATED:
            self.pool.table.put({**record, "threshold": {"S": self._time(_RUNTIME)}})

    def beat(self) -> None:
        """Beat, as a living or dying instance does."""
        if self.pool.ec2.state(self.instance_id) in (*ALIVE, "shutting-down"):
            self.pool.beat(self.instance_id)

    def end_itself(self) -> None:
        """End itself a minute after its threshold, by the instance's own clock."""
        threshold = records.text(self._record() or {}, "threshold") or ""
        if threshold and threshold < self._time(-60):
            self.end()

    def end(self) -> None:
        """End it in the console, or by provision before it changes the record."""
        instance = self.pool.account.state.instances.get(self.instance_id)
        if instance and instance.ended_at is None:
            instance.ended_at = self.pool.account.clock.now()

    def dump(self) -> None:
        """Delete its record, as provision does while it ends instances of a failed launch."""
        self.pool.table.delete(("TYPE#INSTANCE", f"ID#{self.instance_id}"))

    def forge(self) -> None:
        """Record a stranger's instance as expired and as marked, as a job on a runner can."""
        for number, state in enumerate(("idle", records.TERMINATED)):
            (stranger,) = self.pool.ec2.launch(tags={STRANGER: "yes", "InitialRunId": "1"})
            del stranger.tags["AllowSelfTermination"]
            self.pool.record(stranger, state=state, threshold=self._time(-600 - number))
        self._forge_a_former_template()

    def _forge_a_former_template(self) -> None:
        """Pass a neighbour's template off as a former one of this pool, and its instance as marked."""
        templates, key = self.pool.account.state.templates, ("TYPE#METADATA", f"ID#{LAUNCH_TEMPLATE_IDENTIFIER}")
        recorded = self.pool.table.items.get(key)
        if TEMPLATE not in templates or recorded is None:
            return
        if NEIGHBOUR not in templates:
            templates[NEIGHBOUR] = evolve(
                templates[TEMPLATE],
                id=self.pool.account.next_id("lt"),
                name=NEIGHBOUR,
                versions=dict(templates[TEMPLATE].versions),
            )
        (theirs,) = self.pool.ec2.launch(NEIGHBOUR, tags={STRANGER: "yes"})
        self.pool.record(theirs, state=records.TERMINATED, threshold=self._time(-600))
        forged = {**recorded["value"]["M"], "formerIds": {"L": [{"S": templates[NEIGHBOUR].id}]}}
        self.pool.table.put({**recorded, "value": {"M": forged}})

    def let_die(self) -> None:
        """Let a minute pass, in which the dying die."""
        self.pool.account.clock.moment += timedelta(seconds=61)

    def edit_template(self) -> None:
        """Edit the template by hand."""
        for template in self.pool.account.state.templates.values():
            template.latest += 1
            template.versions[template.latest] = {**template.versions[template.default], "ImageId": "ami-0bad"}
            template.default = template.latest

    def delete_queue(self) -> None:
        """Delete a queue by hand."""
        self.pool.sqs.delete(LARGE_QUEUE)

    def refresh(self) -> None:
        """Run the whole of another refresh."""
        run_another(self.pool, Watch())


def run_another(pool: Pool, seam: Seam) -> None:
    """Run another refresh while one is under way, its calls checked as well; it may die."""
    account = pool.account
    kept = account.seam, account.look
    calls, requests = list(account.calls), list(account.requests)
    crashed(pool, seam)
    account.seam, account.look = kept
    account.calls[:], account.requests[:] = calls, requests


WITH_A_CLOCK: dict[str, Callable[[Hands], None]] = {
    "register": Hands.register,
    "start": Hands.start,
    "claim": Hands.claim,
    "release": Hands.release,
    "expire": Hands.expire,
    "renew": Hands.renew,
    "end itself": Hands.end_itself,
}
WITHOUT: dict[str, Callable[[Hands], None]] = {
    "unclaim": Hands.unclaim,
    "beat": Hands.beat,
    "console terminates": Hands.end,
    "dump": Hands.dump,
    "forge": Hands.forge,
    "let die": Hands.let_die,
    "edit template": Hands.edit_template,
    "delete queue": Hands.delete_queue,
    "second refresh": Hands.refresh,
}


def deeds(*, skews: tuple[int, ...] = SKEWS) -> list[tuple[str, int]]:
    """List every actor with every clock that matters to it."""
    return [*((name, skew) for name in WITH_A_CLOCK for skew in skews), *((name, 0) for name in WITHOUT)]


def act(pool: Pool, instance_id: str, name: str, skew: int) -> None:
    """Let an actor act."""
    {**WITH_A_CLOCK, **WITHOUT}[name](Hands(pool, instance_id, skew))
