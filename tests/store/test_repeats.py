"""Scripts that write may run twice: who lost the reply asks again, and nothing happens twice."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest

from proxy.store.connection import Command
from tests.store.scripts import SCRIPTS, declared
from tests.support.service import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from proxy.store.connection import Store

READING = {"read", "list", "peek"}
WRITING = sorted(SCRIPTS.keys() - READING)
WHEN = {b"updated", b"alive"}
"""Fields that say when a script ran last."""
FOR_LONGER = {"renew", "claim_renew"}
"""What they change is only when something ends."""
ANSWERS_OF_NOW = {"settle", "patch", "turn_append ends"}
"""They answer whether they acted now, when, and that a turn which has ended is not to go on."""
PLACES_AT = 9
"""So many doubles come before the places in flight: when each ends, and how many do."""
_LOOKS = {
    "hash": ("HGETALL",),
    "list": ("LRANGE", 0, -1),
    "string": ("GET",),
    "stream": ("XRANGE", "-", "+"),
    "zset": ("ZRANGE", 0, -1),
}


def kept(redis_admin: Store, key: str) -> Any:
    """What a key holds, but for when it was written; whether it has an end."""
    kind = redis_admin.run(Command(("TYPE", key), bytes.decode))
    if kind == "none":
        return None
    verb, *more = _LOOKS[kind]
    held: Any = redis_admin.run(Command((verb, key, *more), list if kind != "string" else bytes))
    if kind == "hash":
        held = {name: value for name, value in _pairs(held) if name not in WHEN}
    elif ":limits:" in key:
        numbers = struct.unpack(f"={len(held) // 8}d", held)
        held = (
            numbers[:PLACES_AT],
            {when: count for when, count in _pairs(numbers[PLACES_AT:]) if count},
        )
    return held, redis_admin.run(Command(("PTTL", key), int)) > 0


def _pairs(flat: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(flat[::2], flat[1::2], strict=True)


def test_every_script_is_among_them() -> None:
    scripts = {path.stem for path in (ROOT / "proxy/store/lua").glob("[a-z]*.lua")}
    assert scripts == {name.split()[0] for name in SCRIPTS} - {"begin"}


@pytest.mark.parametrize("name", WRITING)
def test_to_run_a_script_twice_is_to_run_it_once(
    store: Store, redis_admin: Store, name: str
) -> None:
    command = SCRIPTS[name](store)
    keys = declared(command)
    before = [kept(redis_admin, key) for key in keys]
    first = store.run(command)
    once = [kept(redis_admin, key) for key in keys]
    assert (once != before) is (name not in FOR_LONGER)
    assert (store.run(command) == first) or name in ANSWERS_OF_NOW
    assert [kept(redis_admin, key) for key in keys] == once
