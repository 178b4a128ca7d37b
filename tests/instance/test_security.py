"""Jobs, records and tags cannot command the agent, and its secrets go nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refresh.pool import names, records
from tests import suites
from tests.fakes import canaries
from tests.instance.driver import CREATION_SECONDS, RELEASE_SECONDS, eventually

if TYPE_CHECKING:
    from tests.instance.conftest import Instance

pytestmark = pytest.mark.timeout(300)
HOSTILE = "$(touch /record/owned) `touch /record/owned` ' \" \\ ; touch /record/owned #\n42},x={S=1"


@pytest.mark.shows("A25")
def test_the_token_is_in_no_log_and_no_process_list(instance: Instance) -> None:
    """config.sh gets it in its environment, run.sh not at all."""
    instance.boot(pre_runner_script="env")
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    eventually(lambda: instance.machine.calls[-1].startswith("run.sh as"), 10)
    instance.driver.release("42")
    instance.awaits("UD_REMOVE_REG_REMOVE_RUN_OK", "42", RELEASE_SECONDS)
    with_token = [call for call in instance.machine.calls if canaries.REGISTRATION in call]
    assert [call.split(": ")[0].partition(" with ")[0] for call in with_token] == ["config.sh as root in /root"] * 2
    assert not any(canaries.REGISTRATION in call.partition(": ")[2] for call in instance.machine.calls)
    assert canaries.REGISTRATION not in instance.machine.read("processes")
    assert "config.sh" in instance.machine.read("processes")
    assert canaries.REGISTRATION not in instance.machine.log


@pytest.mark.shows("A17")
@pytest.mark.parametrize("attribute", ["runId", "threshold", "state"])
def test_a_hostile_record_starts_no_command_and_ends_or_claims_nothing(instance: Instance, attribute: str) -> None:
    """Jobs can write the table."""
    instance.boot()
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    instance.driver.set(attribute, HOSTILE)
    seen = instance.world.aws.calls.count("dynamodb:GetItem") + 5
    eventually(lambda: instance.world.aws.calls.count("dynamodb:GetItem") >= seen, 60)
    assert not (instance.machine.record / "owned").exists()
    assert not instance.driver.ended()
    registrations = [call for call in instance.machine.calls if "--labels" in call and call.startswith("config.sh")]
    assert len(registrations) == 1


@pytest.mark.shows("A17")
def test_a_hostile_token_starts_no_command(instance: Instance) -> None:
    """It is stored in the same table."""
    instance.boot(pre_runner_script="until [[ -e $RECORD/go ]]; do sleep 0.1; done")
    hostile = records.to_wire({"token": HOSTILE})
    instance.world.put_metadata(instance.clients, names.REGISTRATION_TOKEN_IDENTIFIER, hostile)
    (instance.machine.record / "go").touch()
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    assert f"with {HOSTILE}: --unattended" in instance.machine.read("calls")
    assert not (instance.machine.record / "owned").exists()


@pytest.mark.shows("A27")
@pytest.mark.parametrize(("instance_id", "run"), [("i-zzz", "42"), (HOSTILE, "42"), ("", HOSTILE), ("", "42},x={S=1")])
def test_malformed_metadata_is_refused(instance: Instance, instance_id: str, run: str) -> None:
    """Both are part of what the agent writes."""
    instance.surroundings.metadata.instance_id = instance_id or instance.driver.instance_id
    instance.surroundings.tags["InitialRunId"] = run
    instance.boot(pre_runner_script="touch $RECORD/ran")
    eventually(lambda: instance.machine.booted == "1", 30, lambda: instance.machine.log)
    assert "instance.refused" in instance.machine.log
    assert not (instance.machine.record / "ran").exists()
    assert not (instance.machine.record / "owned").exists()
    assert instance.driver.signalled == ("", "")


@pytest.mark.shows("A27")
def test_an_instance_without_a_run_tag_serves_no_run_and_ends_at_its_threshold(instance: Instance) -> None:
    del instance.surroundings.tags["InitialRunId"]
    instance.boot()
    eventually(lambda: instance.machine.booted == "1", 30, lambda: instance.machine.log)
    assert not instance.driver.ended()
    instance.driver.expire()
    eventually(instance.driver.ended, 60, lambda: instance.machine.log)


@pytest.mark.shows("A33")
def test_a_hostile_script_arrives_byte_for_byte(instance: Instance) -> None:
    """A line `EOF`, quotes, `$` and backticks do not end or extend the wrapper."""
    script = "cat >$RECORD/arrived <<'EOF'\n$(id) `id` \" ' \\ \\n\r\nEOF\necho oops >&2"
    instance.boot(pre_runner_script=script)
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    assert (instance.machine.record / "arrived").read_bytes() == b"$(id) `id` \" ' \\ \\n\r\n"
    assert "oops\n" in instance.machine.log


def _of_builder(instance: Instance) -> list[str]:
    uid = instance.machine.run("id -u builder").strip()
    return [each.command for each in instance.machine.processes() if each.uid == uid and each.state not in "ZX"]


@pytest.mark.shows("A23")
def test_jobs_of_another_user_cannot_write_files_of_the_agent_and_leave_no_process(instance: Instance) -> None:
    """A process left behind would see the next token."""
    if not instance.machine.contained:
        suites.leave_out("a user is made, which needs a container of its own")
    job = """
for path in /var/log/user-data.log /var/log/actions-runner.log /opt/refresh-runner/config.sh /opt/refresh-runner/bin/x \
        /root/.bashrc /opt/refresh-agent/agent.py /opt/refresh-agent/state.json; do
    (echo owned >>"$path") 2>/dev/null && echo "wrote $path"
done
mv /opt/refresh-runner/config.sh /opt/refresh-runner/old 2>/dev/null && echo moved
cat /var/log/user-data.log 2>/dev/null && echo read the log
ls /opt/refresh-agent 2>/dev/null && echo read the state
touch /opt/refresh-runner/_work.new && echo works
id -Gn
setsid sleep 1000 >/dev/null 2>&1 &
"""
    (instance.machine.record / "job.sh").write_text(job)
    instance.boot(runner_user="builder")
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    eventually(lambda: instance.machine.read("job").endswith("builder\n"), 20, lambda: instance.machine.read("job"))
    assert instance.machine.read("job") == "works\nbuilder\n"
    assert any(call.startswith("config.sh as builder in /home/builder with REG-") for call in instance.machine.calls)
    assert "run.sh as builder with no token" in instance.machine.calls
    assert _of_builder(instance)
    instance.driver.release("42")
    instance.awaits("UD_REMOVE_REG_REMOVE_RUN_OK", "42", RELEASE_SECONDS)
    assert "run.sh ended" in instance.machine.calls  # by request, not killed
    assert _of_builder(instance) == []


@pytest.mark.shows("A24")
def test_the_agent_ignores_aws_configuration_that_a_job_wrote(instance: Instance) -> None:
    """A job that runs as root can write /root/.aws; it must not lead the agent to another account."""
    if not instance.machine.contained:
        suites.leave_out("root's home is written, which needs a container of its own")
    script = "mkdir -p ~/.aws && echo '[default' >~/.aws/config && echo '[default' >~/.aws/credentials"
    instance.boot(pre_runner_script=script)
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    assert instance.machine.run("ls /root/.aws").split() == ["config", "credentials"]
