"""Serves one run after another: registers a runner for it, keeps it running, and removes it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from refresh.agent.aws import Refused, Unanswered
from refresh.agent.link import TOKEN_SECONDS
from refresh.agent.log import say
from refresh.agent.processes import Session, end_all_in, stop
from refresh.agent.state import LEAVING, REFUSED, REGISTERING, SERVING
from refresh.agent.table import RUN

if TYPE_CHECKING:
    from refresh.agent.link import Link
    from refresh.agent.runner import Runner
    from refresh.agent.state import State
    from refresh.agent.users import User

_REGISTRATIONS = 3


class Serving:
    """The run that the machine serves. Each phase is saved before it begins, so that a killed agent goes on there."""

    def __init__(self, link: Link, state: State, runner: Runner, user: User, instance_id: str) -> None:
        self._link = link
        self._state = state
        self._runner = runner
        self._user = user
        self._id = instance_id
        saved = state.get("session")
        self._session = Session.from_list(saved) if saved else None

    def forever(self) -> None:
        """Serve, beginning with what was interrupted."""
        phase, run = self._state.get("phase"), self._state.get("run", "")
        if phase == SERVING and self._state.restarted:
            say(f"runner.cut_off run={run}")
            self._link.table.report["cutOff"] = run
            self._state.save(report=dict(self._link.table.report))
        if phase == REGISTERING:
            end_all_in(self._runner.folder)
        while True:
            if phase == SERVING:
                self._signal_once("UD_REG_OK", run)
                self._await_release(run, phase)
                phase = LEAVING
                self._state.save(phase=phase)
            elif phase == REFUSED:
                self._signal_once("UD_REG_FAILED", run)
                self._await_release(run, phase)
                # Nothing of the run is left, so that others can claim the machine.
                self._link.signal("UD_REMOVE_REG_REMOVE_RUN_OK", run)
                self._state.save(phase="")
                phase = ""
            elif phase == LEAVING:
                self._leave(run)
                phase = ""
            else:
                run = self._await_run()
                phase = self._join(run)

    def _await_run(self) -> str:
        """Wait until the record names a run."""
        record = self._link.record
        while record is None or not RUN.fullmatch(record.run):
            record = self._link.next(record, waiting=True)
        self._link.waiting = False
        return record.run

    def _await_release(self, run: str, phase: str) -> None:
        """Wait until the record names another run or none, and restart a runner that exits.

        Without a record the run goes on: a lost table must not cut off jobs.
        """
        record = self._link.record
        while record is None or not record.found or record.run == run:
            if phase == SERVING and not (self._session and self._session.running()):
                self._stop()
                self._start()
            record = self._link.next(record, waiting=False)

    def _join(self, run: str) -> str:
        """Register a runner for the run; return the next phase."""
        self._link.table.report.pop("cutOff", None)
        number = self._state.get("registrations", 0) + 1
        self._state.save(phase=REGISTERING, run=run, registrations=number)
        phase = SERVING if self._registered(run, f"{self._id}-{number}") else REFUSED
        self._state.save(phase=phase)
        return phase

    def _registered(self, run: str, name: str) -> bool:
        for attempt in range(_REGISTRATIONS):
            record = self._link.record
            # A machine that EC2 takes back serves no other run, and a run that was given up needs no runner.
            if "reclaimedAt" in self._link.table.report or (record and record.found and record.run != run):
                return False
            token = self._token(0 if attempt else 2 * TOKEN_SECONDS)
            if token and self._runner.register(run, name, token):
                return True
            say(f"registration.failed attempt={attempt + 1}")
            time.sleep(1)
        return False

    def _leave(self, run: str) -> None:
        """Stop the runner, then remove its registration: without it the runner takes half a minute to exit."""
        stopped = self._stop()
        # Processes that survived the stop must not see a token.
        token = self._token(TOKEN_SECONDS) if stopped else ""
        removed = bool(token) and self._runner.unregister(token)
        if not removed:
            # GitHub does not accept every token; refresh later removes a registration that is left on GitHub.
            say("registration.left")
            removed = self._runner.remove_locally()
        self._link.signal("UD_REMOVE_REG_" + ("OK" if removed else "FAILED"), run)
        self._link.signal("UD_REMOVE_REG_REMOVE_RUN_" + ("OK" if stopped and removed else "FAILED"), run)
        self._state.save(phase="")

    def _start(self) -> None:
        """Start the runner; try again later if that fails: a job that runs as root can remove what it needs."""
        try:
            self._session = self._runner.start()
        except OSError as error:
            say(f"runner.not_started error={error}")
        else:
            self._state.save(session=self._session.to_list())

    def _stop(self) -> bool:
        """End the runner, and one that an agent had started that was killed before it could save that."""
        stopped = self._session is None or stop(self._session, self._user)
        end_all_in(self._runner.folder)
        return stopped

    def _token(self, longest: float) -> str:
        try:
            return self._link.table.token(longest)
        except (Unanswered, Refused) as error:
            say(f"token.unknown {error}")
            return ""

    def _signal_once(self, state: str, run: str) -> None:
        if not self._link.signalled(state, run):
            self._link.signal(state, run)
