"""Clients of any folder of models."""

from __future__ import annotations

from typing import Any

from botocore.loaders import Loader
from botocore.session import Session

from tests.fakes.desired import REGION
from tests.fakes.world import CREDENTIALS

FULL = Loader.BUILTIN_DATA_PATH


def client(service: str, data: str, region: str = REGION, **given: Any) -> Any:
    """Make a client as botocore does with this data in the place of its own."""
    session: Any = Session()
    loader = Loader([data], include_default_search_paths=False)
    # As in the image, where it is botocore's own: elsewhere a list of endpoints overrides the rules.
    loader.BUILTIN_DATA_PATH = data
    session.register_component("data_loader", loader)
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": CREDENTIALS["AWS_SECRET_ACCESS_KEY"]}
    return session.create_client(service, region_name=region, **keys, **given)
