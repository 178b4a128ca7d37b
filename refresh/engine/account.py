"""The gate that keeps a run out of AWS accounts that its user did not list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh import errors
from refresh.engine.shared_read import LazyRead

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from refresh.ports import OnDemand


class AccountGate:
    """Raises `Refused` if the credentials belong to an account that is not allowed; asks STS at most once."""

    def __init__(self, allowed: tuple[str, ...], on_demand: OnDemand, executor: Executor) -> None:
        """Without `allowed` every account is."""
        self._allowed = allowed
        self._account = LazyRead(executor, lambda: str(on_demand.sts().get_caller_identity().get("Account", "")))

    def __call__(self) -> None:
        """Raise if the account is not allowed, or not known."""
        if not self._allowed:
            return
        try:
            found = self._account()
        except errors.ApiError as error:
            raise errors.Refused(
                f"nothing was written: allowed-account-ids is set, but AWS did not report the account: {error}"
            ) from None
        if found not in self._allowed:
            raise errors.Refused(
                f"nothing was written: the AWS credentials belong to account {found}, but allowed-account-ids has "
                f"{', '.join(self._allowed)}; use other credentials, or correct the input."
            )
