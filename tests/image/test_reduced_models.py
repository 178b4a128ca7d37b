"""The models that the image carries: of botocore's what refresh calls and reads, or no image."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.image.models import FULL, client
from tools.image import reduced_models
from tools.image.reduced_models import KEPT, Lacking, reduced

MODEL = {
    "version": "2.0",
    "metadata": {"protocol": "json"},
    "documentation": "<p>All of it.</p>",
    "operations": {
        "Get": {"name": "Get", "input": {"shape": "Asked"}, "output": {"shape": "Given"}, "documentation": "<p>.</p>"},
        "Put": {"name": "Put", "input": {"shape": "Written"}},
    },
    "shapes": {
        "Asked": {"type": "structure", "members": {"documentation": {"shape": "Text", "documentation": "<p>.</p>"}}},
        "Given": {"type": "structure", "members": {"Many": {"shape": "Many"}, "More": {"shape": "Unread"}}},
        "Many": {"type": "list", "member": {"shape": "Text"}},
        "Text": {"type": "string"},
        "Unread": {"type": "string"},
        "Written": {"type": "string"},
    },
}


@pytest.fixture
def copy(data: str, tmp_path: Path) -> Path:
    """Give a folder of such models to change."""
    return Path(shutil.copytree(data, tmp_path / "data"))


def test_operations_keep_the_shapes_that_they_lead_to_and_lose_their_documentation() -> None:
    """A member that is called documentation is none."""
    assert reduced(MODEL, {"Get"}, {"Given": {"Many"}}) == {
        "version": "2.0",
        "metadata": {"protocol": "json"},
        "operations": {"Get": {"name": "Get", "input": {"shape": "Asked"}, "output": {"shape": "Given"}}},
        "shapes": {
            "Asked": {"type": "structure", "members": {"documentation": {"shape": "Text"}}},
            "Given": {"type": "structure", "members": {"Many": {"shape": "Many"}}},
            "Many": {"type": "list", "member": {"shape": "Text"}},
            "Text": {"type": "string"},
        },
    }


def test_the_build_is_refused_with_every_name_that_is_lacking() -> None:
    """A newer botocore may have renamed it."""
    with pytest.raises(Lacking, match=r"^Drop, Pet, Given\.Few, Lost\.Any$"):
        reduced(MODEL, {"Pet", "Get", "Drop"}, {"Given": {"Many", "Few"}, "Lost": {"Any"}})


def test_a_refused_build_says_so_and_leaves_the_data_as_it_was(
    copy: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its exit code ends the image's build."""
    monkeypatch.setitem(KEPT, "sqs", {"GetQueueUrl", "PaintQueue"})
    before = sorted(copy.rglob("*"))
    assert reduced_models.main([str(copy)]) == 1
    assert capfd.readouterr().err == "botocore's models lack what refresh calls or reads: PaintQueue\n"
    assert sorted(copy.rglob("*")) == before
    shutil.rmtree(copy / "sqs")
    assert reduced_models.main([str(copy)]) == 1
    assert "sqs as a whole" in capfd.readouterr().err


def test_a_build_after_which_a_service_is_elsewhere_is_refused(
    copy: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is reduced must not change whom the credentials are sent to."""
    answers = iter([{("sqs", "eu-west-1", ""): "https://here"}, {("sqs", "eu-west-1", ""): "https://there"}])
    monkeypatch.setattr(reduced_models, "endpoints", lambda _: next(answers))
    assert reduced_models.main([str(copy)]) == 1
    assert "looked for elsewhere" in capfd.readouterr().err


def test_a_build_after_which_the_rules_lead_elsewhere_is_refused(
    copy: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By them requests are sent, not by the list of endpoints."""
    write = reduced_models._write

    def write_wrong_rules(path: Path, content: object) -> None:
        write(path, content)
        if path.name.startswith("endpoint-rule-set"):
            path.write_text(path.read_text().replace("{PartitionResult#dnsSuffix}", "elsewhere.example"))

    monkeypatch.setattr(reduced_models, "_write", write_wrong_rules)
    assert reduced_models.main([str(copy)]) == 1
    assert "looked for elsewhere" in capfd.readouterr().err


def test_models_are_reduced_to_less_than_a_megabyte(copy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Of nineteen; what is reduced already stays as it is."""
    assert sum(path.stat().st_size for path in copy.rglob("*.*")) < 1_000_000
    assert {path.name for path in copy.iterdir() if path.is_dir()} == set(KEPT)
    assert reduced_models.main([str(copy)]) == 0
    told = capfd.readouterr().out.split()
    assert told[2] == told[-1]


def test_credentials_of_a_profile_that_takes_its_role_from_another_can_be_asked_for(data: str) -> None:
    """Botocore asks for them by itself; refresh never does."""
    assert callable(client("sts", data).assume_role)


@pytest.mark.parametrize("service", sorted(KEPT))
def test_a_client_has_these_operations_and_no_others(data: str, service: str) -> None:
    """Botocore finds them in its own data."""
    assert set(client(service, data).meta.service_model.operation_names) == KEPT[service]


def test_every_service_is_at_the_same_address_as_with_all_of_the_data(data: str) -> None:
    """In every partition, FIPS and dual-stack; with an account id DynamoDB has an address of the account."""
    small, full = (reduced_models.endpoints(Path(each)) for each in (data, FULL))
    assert small == full
    by_account, by_region, *_ = (small["dynamodb", "eu-west-1", str(each)][1] for each in reduced_models.VARIANTS)
    assert by_account == "https://123456789012.ddb.eu-west-1.amazonaws.com/"
    assert by_region == "https://dynamodb.eu-west-1.amazonaws.com/"


def test_the_addresses_are_compared_in_every_partition() -> None:
    """One that a newer botocore brings is missing here."""
    known = json.loads((Path(FULL) / "partitions.json").read_text())["partitions"]
    assert [sum(region in each["regions"] for region in reduced_models.REGIONS) for each in known] == [1] * len(known)
