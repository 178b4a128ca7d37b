"""The parsers on their own: a value or a problem, whatever the text."""

from __future__ import annotations

import contextlib
from datetime import timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from refresh.inputs import access, actions_runner, durations, parsers, regions, resources, scripts
from refresh.inputs.parsers import Problem
from refresh.inputs.resource_classes import resource_classes

PARSERS = (
    parsers.decoded,
    parsers.visible,
    parsers.image,
    parsers.instance_profile,
    regions.region,
    parsers.repository,
    parsers.boolean,
    parsers.mode,
    parsers.log_format,
    parsers.github_token,
    scripts.script,
    parsers.ids("subnet", 2),
    parsers.api_url(allow_http=True),
    parsers.server_url(allow_http=False),
    durations.parser(timedelta(0), timedelta(days=1), bare_seconds=True),
    parsers.whole_number("x", 0, 10),
    access.app_id,
    access.private_key,
    actions_runner.runner_version,
    actions_runner.runner_checksums,
    actions_runner.runner_user,
    actions_runner.runner_scope,
    resources.tags,
    resource_classes,
)


@given(st.text(st.characters()).filter(bool))
@example("\ufeff")
@example("9" * 5000)
@example("9" * 5000 + "d")
def test_parsers_raise_nothing_but_problems(value: str) -> None:
    """None is given an empty text: that is an input which is not there."""
    for parse in PARSERS:
        with contextlib.suppress(Problem):
            parse(value)
