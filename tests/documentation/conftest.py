"""What the tests of the pages share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import reader

if TYPE_CHECKING:
    from tests.fakes.aws_server import AwsServer
    from tests.reader import Reader


@pytest.fixture
def shell(aws: AwsServer, tmp_path_factory: pytest.TempPathFactory, no_stacks: None) -> Reader:  # noqa: ARG001 - the pages make one
    """Return a function that runs shell as a reader of the pages does, with stand-ins for AWS and GitHub."""
    # Outside the test's own folder, in which planted secrets are searched.
    return reader.sit_down(aws.url, tmp_path_factory.mktemp("reader"))
