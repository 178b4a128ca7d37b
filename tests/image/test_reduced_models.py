"""The build of the image reduces botocore's models to what refresh calls and reads, or fails."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.image.models import FULL, client
from tools.image import reduced_models
from tools.image.reduced_models import KEPT


@pytest.fixture
def copy(data: str, tmp_path: Path) -> Path:
    """Give a folder of reduced models to change."""
    return Path(shutil.copytree(data, tmp_path / "data"))


def test_documentation_is_dropped_and_a_member_of_that_name_is_kept() -> None:
    given = {"documentation": "<p>.</p>", "members": {"documentation": {"shape": "Text"}}}
    assert reduced_models._undocumented(given) == {"members": {"documentation": {"shape": "Text"}}}


def test_a_build_names_everything_that_the_models_lack_and_changes_nothing(
    copy: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KEPT, "sqs", {"GetQueueUrl", "PaintQueue", "DropQueue"})
    monkeypatch.setitem(reduced_models.MEMBERS, "sqs", {"GetQueueUrlResult": {"QueueUrl", "Paint"}, "Lost": {"Any"}})
    before = sorted(copy.rglob("*"))
    assert reduced_models.main([str(copy)]) == 1
    assert "DropQueue, PaintQueue, GetQueueUrlResult.Paint, Lost.Any" in capfd.readouterr().err
    assert sorted(copy.rglob("*")) == before
    shutil.rmtree(copy / "sqs")
    assert reduced_models.main([str(copy)]) == 1
    assert "sqs" in capfd.readouterr().err


@pytest.mark.parametrize("wrong", ["endpoints", "rules"])
def test_a_build_that_moves_an_endpoint_fails(
    wrong: str, copy: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Botocore has a list of endpoints, and rules by which requests are sent."""
    write = reduced_models._write

    def write_wrong_rules(path: Path, content: object) -> None:
        write(path, content)
        if path.name.startswith("endpoint-rule-set"):
            path.write_text(path.read_text().replace("{PartitionResult#dnsSuffix}", "elsewhere.example"))

    if wrong == "rules":
        monkeypatch.setattr(reduced_models, "_write", write_wrong_rules)
    else:
        answers = iter([{("sqs", "eu-west-1", ""): "https://here"}, {("sqs", "eu-west-1", ""): "https://there"}])
        monkeypatch.setattr(reduced_models, "endpoints", lambda _: next(answers))
    assert reduced_models.main([str(copy)]) == 1
    assert "endpoint" in capfd.readouterr().err


def test_reduced_models_are_small_and_stay_the_same_when_reduced_again(
    copy: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert sum(path.stat().st_size for path in copy.rglob("*.*")) < 1_000_000
    assert {path.name for path in copy.iterdir() if path.is_dir()} == set(KEPT)
    assert reduced_models.main([str(copy)]) == 0
    printed = capfd.readouterr().out.split()
    assert printed[2] == printed[-1]


@pytest.mark.parametrize("service", sorted(KEPT))
def test_a_client_has_the_kept_operations_and_no_others(data: str, service: str) -> None:
    made = client(service, data)
    assert set(made.meta.service_model.operation_names) == KEPT[service]
    assert service != "sts" or callable(made.assume_role)  # botocore's own call for a profile with a role


def test_every_service_keeps_its_endpoints(data: str) -> None:
    """In every partition, with FIPS and dual-stack; with an account id DynamoDB has an endpoint of the account."""
    small, full = (reduced_models.endpoints(Path(each)) for each in (data, FULL))
    assert small == full
    by_account, by_region, *_ = (small["dynamodb", "eu-west-1", str(each)][1] for each in reduced_models.VARIANTS)
    assert by_account == "https://123456789012.ddb.eu-west-1.amazonaws.com/"
    assert by_region == "https://dynamodb.eu-west-1.amazonaws.com/"


def test_endpoints_are_compared_in_every_partition_that_botocore_knows() -> None:
    known = json.loads((Path(FULL) / "partitions.json").read_text())["partitions"]
    assert [sum(region in each["regions"] for region in reduced_models.REGIONS) for each in known] == [1] * len(known)
