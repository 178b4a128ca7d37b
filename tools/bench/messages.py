"""HTTP/1.1 as far as the proxy and the responder speak it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, frozen

if TYPE_CHECKING:
    import asyncio

LIMIT = 2**22
"""The longest head or body that a stream may hold at once, in bytes."""


@frozen
class Message:
    """A request or an answer."""

    start: str
    """The request line or the status line."""
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """Give a header's value by its lower-case name; "" where there is none."""
        return next((value for each, value in self.headers if each.lower() == name), "")

    def without(self, *names: str) -> Message:
        """Give the same without some headers."""
        return evolve(self, headers=tuple(each for each in self.headers if each[0].lower() not in names))

    def written(self) -> bytes:
        """Give the bytes of it, with the length of its body, for a connection that stays open."""
        kept = self.without("connection", "content-length", "transfer-encoding", "keep-alive").headers
        lines = [self.start, *(f"{name}: {value}" for name, value in kept), f"Content-Length: {len(self.body)}"]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


async def read(reader: asyncio.StreamReader) -> Message:
    """Read one message; raises `IncompleteReadError` at the end of the connection."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    start, *lines = head.rstrip("\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    message = Message(start, tuple((name, value.strip()) for name, _, value in pairs), b"")
    if length := message.header("content-length"):
        return evolve(message, body=await reader.readexactly(int(length)))
    if message.header("transfer-encoding") == "chunked":
        return evolve(message, body=await _chunks(reader))
    to_the_end = start.startswith("HTTP/") and start.split(" ")[1] not in ("204", "304")
    return evolve(message, body=await reader.read()) if to_the_end else message


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    found = b""
    while size := int(await reader.readline(), 16):
        found += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return found
