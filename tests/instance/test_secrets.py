"""No credential is anywhere on a machine but where it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import suites
from tests.fakes import canaries
from tests.instance import metadata
from tests.instance.driver import eventually

if TYPE_CHECKING:
    from tests.instance.conftest import Instance

pytestmark = pytest.mark.timeout(300)
_SECRETS = (metadata.SECRET_KEY, metadata.SESSION_TOKEN, metadata.AGENT, canaries.REGISTRATION)
_SEARCH = """
grep -Frl -f /record/secrets /opt /tmp /var /root /etc /home /run 2>/dev/null
for each in /proc/[0-9]*; do
    for file in environ cmdline; do
        grep -Fqaf /record/secrets "$each/$file" 2>/dev/null && echo "$file of $(tr '\\0' ' ' <"$each/cmdline")"
    done
done
"""


def _found(instance: Instance) -> list[str]:
    """List the files and processes with a secret; `/record` is the test's own."""
    listed = instance.machine.record / "secrets"
    listed.write_text("".join(f"{each}\n" for each in _SECRETS))
    try:
        return instance.machine.run(_SEARCH).splitlines()
    finally:
        listed.unlink()


@pytest.mark.shows("A25")
def test_only_config_sh_has_a_secret_and_only_in_its_environment(instance: Instance) -> None:
    """Neither arguments nor files nor logs have the role's credentials or the registration token, at any time."""
    if not instance.machine.contained:
        suites.leave_out("a whole machine is searched, which needs a container")
    slow = instance.machine.record / "slow"
    slow.write_text("1000")
    instance.boot(pre_runner_script='env >"$RECORD/of-script"')
    eventually(lambda: "--labels 42" in instance.machine.read("calls"), 90, lambda: instance.machine.log)
    configuring = _found(instance)
    assert any(" ./config.sh " in each for each in configuring)
    assert all(each.startswith("environ of ") for each in configuring), configuring
    assert all(" ./config.sh " in each or " sleep " in each for each in configuring), configuring
    slow.write_text("0")
    instance.machine.kill("sleep")
    instance.serve()
    assert _found(instance) == []
    instance.machine.kill("python3")
    instance.give_back()
    assert _found(instance) == []
    instance.require_next_run()
    assert _found(instance) == []
    for secret in _SECRETS:
        assert secret not in instance.machine.read("of-script") + instance.machine.read("environment")
    assert metadata.AGENT not in instance.machine.console


def test_neither_the_script_nor_a_job_gets_the_settings_of_the_agent(instance: Instance) -> None:
    """They would not only see the script itself: a child of theirs would be given it as a variable of 100 KB."""
    instance.boot(pre_runner_script='env >"$RECORD/of-script"')
    instance.serve()
    for variable in ("PRE_RUNNER_SCRIPT", "TABLE_NAME", "REGISTRATION_URL", "ORIGINAL_MODES", "RUNNER_URL_X64"):
        assert f"{variable}=" not in instance.machine.read("of-script")
        assert f"{variable}=" not in instance.machine.read("environment")
