"""Each script of store/lua as a command that has something to do, made ready to run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxy.domain.conversation import Session
from proxy.domain.identifiers import new_session_id, new_turn_id
from proxy.domain.limits import Room
from proxy.domain.request import Claim
from proxy.domain.upstream_limits import Told, UpstreamLimits
from proxy.store import buckets, idempotency, learned, session_list, sessions, turn_log
from tests.store.samples import (
    FIELDS,
    LEASE_MS,
    OWNER,
    new_bucket,
    new_session,
    new_turn,
    open_for,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.store.connection import Command, Store

START = 1_750_000_000_000_000
BUCKETS = (
    new_bucket(60, 10_000),
    new_bucket(600, 100_000, "tokens"),
    new_bucket(0, 10_000, "concurrency"),
)
"""They hold enough for every test of a run: nothing is refused."""
COSTS = {"requests": 1, "tokens": 5, "concurrency": 1}


def declared(command: Command[Any]) -> list[str]:
    _, _, count, *rest = command.arguments
    return [str(key) for key in rest[: int(count)]]


def _begun(_: Store) -> Command[Any]:
    return sessions.begin(new_session_id(), OWNER, FIELDS, new_turn_id(), 1000)


def _created(_: Store) -> Command[Any]:
    return sessions.create(new_session_id(), OWNER, FIELDS, [new_turn()])


def _opened(store: Store) -> Command[Any]:
    return sessions.open_turn(
        new_session(store, new_turn(), new_turn()),
        OWNER,
        new_turn_id(),
        1000,
        window=1000,
        named_window=None,
        anew=True,
    )


def _committed(store: Store) -> Command[Any]:
    turn = new_turn()
    opened = open_for(store, new_session(store, new_turn()), turn, anew=True)
    replaced = opened.replaced
    assert replaced
    return sessions.commit(opened, turn, "Title", replaced.id, {"system": "Be kind."})


def _renewed(store: Store) -> Command[Any]:
    turn = new_turn()
    return sessions.renew(open_for(store, new_session(store), turn).session.id, turn.id, 1000)


def _released(store: Store) -> Command[Any]:
    session_id, turn_id = new_session_id(), new_turn_id()
    store.run(sessions.begin(session_id, OWNER, FIELDS, turn_id, 1000))
    return sessions.release(session_id, turn_id)


def _listed(_: Store) -> Command[Any]:
    session = Session(new_session_id(), OWNER, ttl=60)
    return session_list.enlist(session, turn_count=1, title="Title", replace=False)


def _reserved(store: Store) -> str:
    """A reservation that is kept."""
    turn_id = new_turn_id()
    store.run(buckets.reserve(turn_id, BUCKETS, COSTS, START))
    return turn_id


def _left(store: Store) -> Command[Any]:
    """A line that waits in a room beside another one."""
    short = new_bucket(60, 1)
    store.run(buckets.reserve(new_turn_id(), [short], COSTS, START))
    room = Room(short.scope, short.id, "flow")
    for line in "ab":
        terms = buckets.Terms((room,), wait_ms=LEASE_MS, line=line, more=True)
        store.run(buckets.reserve(new_turn_id(), [short], COSTS, START, terms=terms))
    return buckets.leave((room,), "a", START)


def _claimed(store: Store) -> tuple[Claim, str]:
    """A claim, and the turn that has it."""
    claim, turn_id = Claim(OWNER, new_turn_id(), "fingerprint"), new_turn_id()
    store.run(idempotency.claim(claim, turn_id, LEASE_MS))
    return claim, turn_id


def _streaming(store: Store, lease_ms: int = LEASE_MS) -> str:
    """A turn whose log holds an event."""
    turn_id = new_turn_id()
    store.run(turn_log.begin(turn_id, OWNER, "s_x", lease_ms))
    store.run(turn_log.append(turn_id, 1, turn_log.frame(1, "start", b"{}"), lease_ms, None))
    return turn_id


SCRIPTS: dict[str, Callable[[Store], Command[Any]]] = {
    "begin": _begun,
    "create": _created,
    "open": _opened,
    "commit": _committed,
    "renew": _renewed,
    "release": _released,
    "read": lambda store: sessions.read(new_session(store, new_turn()), OWNER),
    "patch": lambda store: sessions.patch(new_session(store), OWNER, {"title": "New"}),
    "undo": lambda store: sessions.undo(new_session(store, new_turn()), OWNER, new_turn_id()),
    "delete": lambda store: sessions.delete(new_session(store, new_turn()), OWNER, new_turn_id()),
    "list_session": _listed,
    "list": lambda _: session_list.page(OWNER, limit=5, cursor=None, query="t"),
    "reserve": lambda _: buckets.reserve(new_turn_id(), BUCKETS, COSTS, START),
    "hold": lambda store: buckets.hold(_reserved(store), BUCKETS, 9000, 9000, START + 1),
    "settle": lambda store: buckets.settle(_reserved(store), BUCKETS, {}, START),
    "leave": _left,
    "peek": lambda _: buckets.peek(BUCKETS, COSTS),
    "learn": lambda _: learned.learn(
        new_turn_id(), UpstreamLimits(Told(10, 5, 10.0)), 0.9, 1.0, START
    ),
    "claim": lambda _: idempotency.claim(
        Claim(OWNER, new_turn_id(), "fingerprint"), new_turn_id(), LEASE_MS
    ),
    "claim_renew": lambda store: idempotency.renew(*_claimed(store), LEASE_MS),
    "claim_end": lambda store: idempotency.finish(*_claimed(store), b"{}"),
    "claim_end is not sure": lambda store: idempotency.finish(*_claimed(store), b"{}", sure=False),
    "claim_end drops": lambda store: idempotency.drop(*_claimed(store)),
    "turn_begin": lambda _: turn_log.begin(new_turn_id(), OWNER, "s_x", LEASE_MS),
    "turn_append": lambda store: turn_log.append(
        _streaming(store), 2, turn_log.frame(2, "delta", b"{}"), LEASE_MS, None
    ),
    "turn_append ends": lambda store: turn_log.append(
        _streaming(store), 2, turn_log.frame(2, "done", b"{}"), LEASE_MS, 1000
    ),
    "turn_read": lambda store: turn_log.read(_streaming(store, -1), OWNER, 0, LEASE_MS),
    "turn_cancel": lambda store: turn_log.cancel(_streaming(store), OWNER),
}
"""By the script's name, and what it does where there is more than one."""
