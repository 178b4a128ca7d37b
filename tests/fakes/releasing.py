"""What `release` finds in a pool's surroundings, and release itself as a child process."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from attrs import evolve

from refresh.desired import DEFAULT_RESOURCE_CLASSES
from refresh.inputs import table
from refresh.pool import names, records, settings, signals
from tests.fakes import canaries, instance_items
from tests.fakes.desired import REGION
from tests.fakes.world import World, child, inherited

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Mapping

    from refresh.ports import Clients

JOB_TOKEN = f"ghs_{canaries.PAT}"
"""The workflow's own token, by its form."""
RUN = "77"
"""The run of the workflow, as which release is started."""


class ReleaseWorld(World):
    """A pool's surroundings with what release finds there."""

    def put_settings(self, clients: Clients, **changed: Any) -> settings.Settings:
        """Write the item from which release learns of the pool, as refresh does; `changed` are its fields."""
        classes = {
            each.name: settings.ClassSettings(
                cpu=each.cpu, memory_mib=each.memory_mib, queue_url=self._queue_url(clients, each.name)
            )
            for each in DEFAULT_RESOURCE_CLASSES
        }
        found = evolve(
            settings.Settings(
                repository=str(self.repository),
                server="github.com",
                classes=classes,
                subnet_ids=tuple(self.inputs["subnet-ids"].split(", ")),
                template_name=self.template,
                template_id=self.default_version(clients)["LaunchTemplateId"],
                idle_time=timedelta(minutes=7),
                max_runtime=timedelta(minutes=30),
                token_valid_until=None,
                original_modes=True,
                runner_role_id=self.role_id(),
            ),
            **changed,
        )
        self._put(clients, records.SETTINGS, names.SETTINGS_IDENTIFIER, settings.to_value(found))
        return found

    def put_run(self, clients: Clients, label: str = RUN, *, reuse: bool = True) -> None:
        """Write the item in which provision notes what a label was asked for."""
        self._put(clients, records.RUN, label, {"reuse": reuse, "attempt": 1})

    def occupy(self, clients: Clients, label: str = RUN, number: int = 1, **changed: Any) -> list[str]:
        """Launch instances that work for a label, with record and reports; `changed` are attributes."""
        launched = self.launch(clients, number, InitialRunId=label)
        self.employ(clients, launched, label, **changed)
        return launched

    def employ(self, clients: Clients, identifiers: Iterable[str], label: str = RUN, **changed: Any) -> None:
        """Write record and agents' reports of instances that work for a label from now on."""
        now = datetime.now(UTC)
        threshold = records.wire_time(now + timedelta(minutes=30))
        attributes = {"state": "running", "runId": label, "threshold": threshold, **changed}
        last = signals.BOOTED if attributes["state"] == records.CREATED else signals.REGISTERED
        items: list[records.Item] = []
        role_id = self.role_id()
        for identifier in identifiers:
            items += instance_items.reports(identifier, now, last, label, role_id)
            items.append(instance_items.record(identifier, now, **attributes))
        self.write(clients, items)

    def start_release(self, environ: Mapping[str, str] | None = None, **inputs: str) -> subprocess.Popen[str]:
        """Start release as a child process, as its action does; `inputs` are named with `_` for `-`."""
        return child({**inherited(), **self.release_environ(**inputs), **(environ or {})}, table.RELEASE)

    def release_environ(self, **inputs: str) -> dict[str, str]:
        """Give the environment of a step that releases."""
        given = {"aws-region": REGION, "github-token": JOB_TOKEN}
        given |= {name.replace("_", "-"): value for name, value in inputs.items()}
        return {**self.step(given), "GITHUB_RUN_ID": RUN}

    def release(self, environ: Mapping[str, str] | None = None, **inputs: str) -> tuple[int, str]:
        """Run release as a child process to its end, and give exit code and all it printed."""
        child = self.start_release(environ, **inputs)
        printed, _ = child.communicate(timeout=100)
        return child.returncode, printed

    def messages(self, resource_class: str = "large") -> list[tuple[dict[str, Any], int]]:
        """Give the messages in the queue of a class, each with the seconds of its delay; receives none."""
        return self.aws.messages(names.queue(self.repository, resource_class))

    def _queue_url(self, clients: Clients, resource_class: str) -> str:
        return clients.sqs.get_queue_url(QueueName=names.queue(self.repository, resource_class))["QueueUrl"]

    def _put(self, clients: Clients, entity: str, identifier: str, value: Mapping[str, object]) -> None:
        item = records.item(entity, identifier, datetime.now(UTC), value=value)
        clients.dynamodb.put_item(TableName=self.table, Item=item)
