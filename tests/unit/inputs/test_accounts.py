"""The accounts in which a run may write."""

from __future__ import annotations

import pytest

from refresh import inputs
from refresh.errors import InputErrors
from tests.fakes import canaries
from tests.fakes.literals import good

ROLE = {
    "INPUT_ROLE-TO-ASSUME": "arn:aws:iam::123456789012:role/refresh",
    "ACTIONS_ID_TOKEN_REQUEST_URL": "https://token.example.com",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": canaries.REQUEST,
}


def _problems(**environ: str) -> tuple[str, ...]:
    with pytest.raises(InputErrors) as caught:
        inputs.load({**good(), **environ})
    return caught.value.problems


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ()),
        ("123456789012", ("123456789012",)),
        ("012345678901, 123456789012\n012345678901", ("012345678901", "123456789012")),
    ],
)
def test_accounts_are_listed_as_other_ids_are(value: str, expected: tuple[str, ...]) -> None:
    """Without the input any account is right."""
    loaded = inputs.load({**good(), "INPUT_ALLOWED-ACCOUNT-IDS": value})
    assert loaded.desired.allowed_account_ids == expected


@pytest.mark.parametrize(
    ("value", "got"),
    [
        ("12345678901", "'12345678901'"),
        ("123456789012 1234567890123", "'1234567890123'"),
        ("1234-5678-9012", "'1234-5678-9012'"),
        ("production", "'production'"),
        ("١٢٣٤٥٦٧٨٩٠١٢", "'١٢٣٤٥٦٧٨٩٠١٢'"),
        (",", "nothing"),
    ],
)
def test_what_is_no_account_is_told_with_its_remedy(value: str, got: str) -> None:
    """YAML eats the first 0 of what is not in quotes."""
    (problem,) = _problems(**{"INPUT_ALLOWED-ACCOUNT-IDS": value})
    assert problem.startswith(f"allowed-account-ids: {got} is not the id of an AWS account; got ")
    assert problem.endswith("write its 12 digits, in quotes where the first is a 0; several separated by spaces")


def test_a_role_of_an_account_that_is_left_out_is_bad_input() -> None:
    """It can be told before anything is called."""
    (problem,) = _problems(**ROLE, **{"INPUT_ALLOWED-ACCOUNT-IDS": "999999999999"})
    assert problem == (
        "role-to-assume: is a role of account 123456789012, which allowed-account-ids leaves out; correct one of them"
    )
    given = {**good(), **ROLE, "INPUT_ALLOWED-ACCOUNT-IDS": "999999999999 123456789012"}
    assert inputs.load(given).desired.role is not None
