"""A change that stands for any other, and the refusal of one."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from refresh import errors
from refresh.engine.change import Change, Difference

REFUSAL = errors.Rejected("paint:Fence", "NoPaint", "none left.")


@frozen
class Paint(Change):
    """Paints a fence; a long colour has a text that changes."""

    noun: ClassVar[str] = "garden_fence"
    verb: ClassVar[str] = "paint"
    done: ClassVar[str] = "painted"
    colour: str = "green"

    @property
    def subject(self) -> str:
        """Say how."""
        return self.colour

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Show the colour."""
        return (Difference("colour", None, self.colour, ("-old", "+new") if self.colour == "long" else ()),)
