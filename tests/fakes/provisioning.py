"""What `provision` finds in a pool's surroundings, and provision itself as a child process."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from attrs import evolve

from refresh.inputs import table
from refresh.pool import names, records, settings, signals
from tests.fakes import instance_items
from tests.fakes.agents import Agents, OnEndpoint, OnServer
from tests.fakes.desired import REGION
from tests.fakes.releasing import RUN, ReleaseWorld
from tests.fakes.world import child, inherited

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Mapping

    from refresh.ports import Clients

EARLIER = "42"
"""The run that ready machines have served."""
TYPE = "m7i.large"


class ProvisionWorld(ReleaseWorld):
    """A pool's surroundings with what provision finds there: the doors of one pool, and its agents."""

    def change_settings(self, clients: Clients, **changed: Any) -> settings.Settings:
        """Change what refresh has recorded of the pool; `changed` are fields of `Settings`."""
        known = settings.from_item(self.item(clients, records.SETTINGS, names.SETTINGS_IDENTIFIER))
        assert known, "refresh records the settings first"
        found = evolve(known, **changed)
        self._put(clients, records.SETTINGS, names.SETTINGS_IDENTIFIER, settings.to_value(found))
        return found

    def ready(self, clients: Clients, number: int = 1, **changed: Any) -> list[str]:
        """Launch instances that have served a run and wait for the next one; `changed` are attributes of records."""
        launched = self.launch(clients, number, InitialRunId=EARLIER)
        self.await_a_run(clients, launched, **changed)
        return launched

    def await_a_run(self, clients: Clients, identifiers: Iterable[str], **changed: Any) -> None:
        """Write record and agents' reports of instances that can be claimed from now on."""
        now = datetime.now(UTC)
        attributes = {
            "state": "idle",
            "runId": "",
            "threshold": records.wire_time(now + timedelta(minutes=20)),
            "instanceType": TYPE,
            "templateVersion": str(self.default_version(clients)["VersionNumber"]),
        }
        items: list[records.Item] = []
        role_id = self.role_id()
        for identifier in identifiers:
            # Before the record: an agent reads its own report as soon as it sees that.
            items += instance_items.reports(identifier, now, signals.LEFT, EARLIER, role_id)
            items.append(instance_items.record(identifier, now, **{**attributes, **changed}))
        self.write(clients, items)

    def agents(self, clients: Clients) -> Agents:
        """Give the agents of this pool, which work in a `with` block."""
        on_server = self.dynamodb_url == self.aws.url
        table = OnServer(self.aws, self.table) if on_server else OnEndpoint(clients.dynamodb, self.table)
        return Agents(table, self.role_id())

    def start_provision(self, environ: Mapping[str, str] | None = None, **inputs: str) -> subprocess.Popen[str]:
        """Start provision as a child process, as its action does; `inputs` are named with `_` for `-`."""
        return child({**inherited(), **self.provision_environ(**inputs), **(environ or {})}, table.PROVISION)

    def provision_environ(self, **inputs: str) -> dict[str, str]:
        """Give the environment of a step that provisions."""
        given = {"aws-region": REGION} | {name.replace("_", "-"): value for name, value in inputs.items()}
        return {**self.step(given), "GITHUB_RUN_ID": RUN, "GITHUB_RUN_ATTEMPT": "1"}

    def provision(self, environ: Mapping[str, str] | None = None, **inputs: str) -> tuple[int, str]:
        """Run provision as a child process to its end, and give exit code and all it printed."""
        child = self.start_provision(environ, **inputs)
        printed, _ = child.communicate(timeout=100)
        return child.returncode, printed

    def records(self, clients: Clients) -> dict[str, records.InstanceRecord]:
        """Read the records of all instances, by id."""
        read = map(records.read_instance, self.items(clients).values())
        return {each.id: each for each in read if isinstance(each, records.InstanceRecord)}

    def having(self, clients: Clients, label: str = RUN) -> dict[str, str]:
        """Read which machines have a label, each with its state."""
        return {each.id: each.state for each in self.records(clients).values() if each.run_id == label}

    def result(self, clients: Clients, label: str = RUN) -> str | None:
        """Read the result of the label's provision; None if it never took the label."""
        value = records.mapping(self.item(clients, records.RUN, label), "value")
        return records.text(value, "result")
