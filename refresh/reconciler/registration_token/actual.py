"""What the table says about the stored token."""

from __future__ import annotations

from attrs import frozen

from refresh.desired import RunnerScope

SCOPE = "scope"
"""The attribute with the token's scope; absent for a repository's, so that its item is the original's."""


@frozen
class Actual:
    """The stored token without the token itself."""

    present: bool = False
    expires_at: str = ""
    """As it is written."""
    scope: str = RunnerScope.REPOSITORY.value
    """Whether it registers runners of the repository or of its organization."""
