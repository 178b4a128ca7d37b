"""What an image must have, and what happens without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import suites
from tests.instance import machine
from tests.instance.driver import eventually

if TYPE_CHECKING:
    from tests.instance.conftest import Instance

pytestmark = pytest.mark.timeout(300)
_WAITS_NO_HOUR = '#!/bin/bash\n[[ $1 != 3600 || -e $RECORD/waits ]] || exit 0\nexec /usr/bin/sleep "$@"\n'


@pytest.fixture(autouse=True)
def _in_a_container(*, contained: bool) -> None:
    if not contained:
        suites.leave_out("the image is chosen, which needs a Docker engine")


def test_an_image_needs_neither_the_aws_cli_nor_curl_jq_or_procps(instance: Instance) -> None:
    instance.boot()
    instance.serve()
    assert instance.machine.run("type -P aws curl wget jq ps pgrep pkill setpriv runuser sudo") == ""
    instance.give_back()
    instance.require_next_run()
    instance.require_end()


def test_without_python_the_console_and_the_log_say_so_and_the_machine_shuts_down_an_hour_later(
    instance: Instance,
) -> None:
    """Nothing else could end it."""
    image = f"{machine.IMAGE}-{machine.WITHOUT_PYTHON}"
    machine.build(image, target=machine.WITHOUT_PYTHON)
    instance.machine.image = image
    waits = instance.machine.folder / "bin" / "sleep"
    waits.write_text(_WAITS_NO_HOUR)
    waits.chmod(0o755)
    instance.boot(pre_runner_script='touch "$RECORD/ran"')
    eventually(lambda: instance.machine.booted == "1", 60, lambda: instance.machine.console)
    for text in (instance.machine.console, instance.machine.log):
        assert "Python 3.9 or newer is missing" in text
        assert "shuts down in an hour" in text
        assert "use an image that has it" in text
    eventually(lambda: instance.machine.read("shutdown"), 60)
    assert set(instance.machine.read("shutdown").splitlines()) == {"-h now"}
    assert not instance.machine.record.joinpath("ran").exists()
    assert instance.driver.signalled == ("", "")
