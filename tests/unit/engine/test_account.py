"""The gate in front of AWS accounts that the owner did not list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from refresh import errors
from refresh.engine.account import AccountGate
from tests.fakes.desired import ACCOUNT_ID
from tests.fakes.memory.account import Account, Watch
from tests.fakes.memory.on_demand import OnDemand
from tests.fakes.serial import Serial

if TYPE_CHECKING:
    from collections.abc import Mapping

OTHER = "999999999999"
ASKED = ["sts:GetCallerIdentity"]


def _gate(account: Account, *allowed: str) -> AccountGate:
    return AccountGate(allowed, OnDemand(account), Serial())


def test_without_a_list_every_account_is_allowed_and_aws_is_not_asked() -> None:
    account = Account()
    _gate(account)()
    assert account.calls == []


def test_a_listed_account_is_allowed_and_aws_is_asked_once() -> None:
    account = Account()
    gate = _gate(account, OTHER, ACCOUNT_ID)
    gate()
    gate()
    assert account.calls == ASKED


def test_another_account_is_refused_each_time_with_both_named() -> None:
    account = Account()
    gate = _gate(account, OTHER)
    for _ in range(2):
        with pytest.raises(errors.Refused) as caught:
            gate()
        assert [each in str(caught.value) for each in (ACCOUNT_ID, OTHER, "allowed-account-ids")] == [True] * 3
    assert account.calls == ASKED


def test_an_account_that_aws_does_not_name_is_refused_with_the_reason() -> None:
    account = Account()
    error = errors.Unavailable("sts:GetCallerIdentity", "ReadTimeoutError", "no answer.")

    class Down(Watch):
        def before(self, _number: int, _operation: str) -> None:
            """Refuse."""
            raise error

    account.seam = Down()
    with pytest.raises(errors.Refused) as caught:
        _gate(account, ACCOUNT_ID)()
    assert str(error) in str(caught.value)


@pytest.mark.parametrize("answer", [{}, {"Account": ""}, {"Account": None}])
def test_an_answer_without_an_account_is_refused(answer: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OnDemand, "get_caller_identity", lambda _: answer)
    with pytest.raises(errors.Refused):
        _gate(Account(), ACCOUNT_ID)()
