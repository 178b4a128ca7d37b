"""Reduced models, made as the image's are, and clients of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import botocore
import pytest

from tools.image import reduced_models
from tools.image.reduced_models import KEPT

DATA = Path(botocore.__file__).parent / "data"


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give a folder with reduced models, made as the image's are."""
    folder = tmp_path_factory.mktemp("models") / "data"
    folder.mkdir()
    for path in DATA.iterdir():
        if path.name in KEPT:
            shutil.copytree(path, folder / path.name)
        elif path.is_file():
            shutil.copy(path, folder / path.name)
    (folder / "lambda" / "2015-03-31").mkdir(parents=True)
    reduced_models.reduce_all(folder)
    return str(folder)
