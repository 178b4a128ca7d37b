"""Whether agents work."""

from __future__ import annotations

from attrs import evolve

from tests.unit.provision import pools
from tests.unit.provision.pools import IDS, after, record


def test_a_heartbeat_is_as_old_as_it_was_when_it_was_read() -> None:
    """Terminations may take minutes; a ready machine does not lose its place for that."""
    seen = pools.actual(record(), looked_at=after(10))
    assert seen.beats_on(IDS[0])
    assert not evolve(seen, looked_at=after(16)).beats_on(IDS[0])
    assert not evolve(seen, read_at={IDS[0]: after(16)}).beats_on(IDS[0])
    assert not seen.beats_on(IDS[1])
