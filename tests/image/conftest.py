"""Reduced models, made as the image's are."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.image.models import FULL
from tools.image import reduced_models
from tools.image.reduced_models import KEPT


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give a folder with reduced models."""
    folder = tmp_path_factory.mktemp("models") / "data"
    folder.mkdir()
    for path in Path(FULL).iterdir():
        if path.name in KEPT:
            shutil.copytree(path, folder / path.name)
        elif path.is_file():
            shutil.copy(path, folder / path.name)
    (folder / "lambda" / "2015-03-31").mkdir(parents=True)
    reduced_models.reduce_all(folder)
    return str(folder)
