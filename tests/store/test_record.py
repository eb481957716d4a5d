"""Stored records: whose they are and in which shape is verified; what is damaged is not read."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from structlog.testing import capture_logs

from proxy.domain.identifiers import new_turn_id
from proxy.domain.request import Claim
from proxy.errors import NotFound, RecordDamaged, TurnsMissing
from proxy.operators.keys import Keys
from proxy.operators.teams import Teams
from proxy.store import (
    audit,
    client_keys,
    idempotency,
    keyspace,
    record,
    session_list,
    sessions,
    turn_log,
    turns,
    usage,
)
from proxy.store.connection import Command
from tests.store.records import KINDS, NEWER, STRANGER, put, remove
from tests.store.samples import (
    LEASE_MS,
    OWNER,
    commit,
    exists,
    hash_of,
    locked,
    messages,
    new_session,
    new_turn,
    open_for,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from proxy.store.connection import Store
    from tests.store.records import Kept


@pytest.fixture(params=KINDS)
def kept(request: pytest.FixtureRequest, store: Store) -> Iterator[Kept]:
    """A record of each kind, which a test may damage."""
    made = KINDS[request.param](store)
    yield made
    remove(store, made.key)


@pytest.fixture
def session_id(store: Store) -> str:
    return new_session(store, new_turn("a"), new_turn("b"))


def meta(session_id: str) -> str:
    return keyspace.session(session_id)[0]


# What is verified


def test_a_record_carries_its_owner_and_the_version_of_its_shape(store: Store, kept: Kept) -> None:
    fields = hash_of(store, kept.key)
    assert (fields["v"], fields["owner"]) == (str(record.SCHEMA), kept.owner)


def test_a_record_of_an_earlier_build_has_the_first_shape(store: Store, kept: Kept) -> None:
    before = store.run(kept.read)
    named = {"session", "turn"}  # these carried their owner from the beginning
    remove(store, kept.key, "v", *([] if kept.kind in named else ["owner"]))
    assert store.run(kept.read) == before


@pytest.mark.parametrize("version", [NEWER, "0", "x", ""])
def test_a_record_of_an_unknown_shape_is_not_read(store: Store, kept: Kept, version: str) -> None:
    put(store, kept.key, v=version)
    with pytest.raises(RecordDamaged):
        store.run(kept.read)


def test_a_record_without_sense_is_not_read(store: Store, kept: Kept) -> None:
    put(store, kept.key, **{kept.vital: "nonsense"})
    with pytest.raises(RecordDamaged):
        store.run(kept.read)


def test_a_record_that_lacks_what_it_needs_is_not_read(store: Store, kept: Kept) -> None:
    remove(store, kept.key, kept.vital)
    with pytest.raises(RecordDamaged):
        store.run(kept.read)


def test_what_is_no_record_at_all_is_not_read(store: Store, kept: Kept) -> None:
    store.run(Command(("SET", kept.key, "text"), bool))
    with pytest.raises(RecordDamaged):
        store.run(kept.read)


def test_a_record_of_somebody_else_is_not_read(store: Store, kept: Kept) -> None:
    put(store, kept.key, owner=STRANGER)
    with pytest.raises((RecordDamaged, NotFound)):
        store.run(kept.read)


def test_the_log_names_the_record(store: Store, kept: Kept) -> None:
    put(store, kept.key, v=NEWER)
    said = {"event": "problem", "what": "record", "error": "RecordDamaged", "kind": kept.kind}

    def told() -> bool:
        with capture_logs() as logged, suppress(RecordDamaged):
            store.run(kept.read)
        return any(line.items() >= said.items() and line["of"] in kept.key for line in logged)

    wait_until(told, "the log to have room for one more problem of the kind")


# What a damaged record stops


@pytest.mark.parametrize(
    "fields",
    [{"v": NEWER}, {"owner": STRANGER}, {"status": "x"}, {"alive": ""}, {"status": "done"}],
)
def test_a_damaged_idempotency_key_is_not_claimed_again(
    store: Store, fields: dict[str, str]
) -> None:
    kept = KINDS["idempotency key"](store)
    put(store, kept.key, **fields)
    before = hash_of(store, kept.key)
    with pytest.raises(RecordDamaged):
        store.run(_claim_at(kept.key))
    assert hash_of(store, kept.key) == before


def _claim_at(key: str) -> Command[None]:
    """The command that claims this very key."""
    plain = idempotency.claim(Claim(OWNER, "", "fingerprint"), new_turn_id(), LEASE_MS)
    script, digest, count, _, *rest = plain.arguments
    return Command((script, digest, count, key, *rest), plain.parse, plain.record)


@pytest.mark.parametrize(
    "command",
    [
        lambda session_id: sessions.patch(session_id, OWNER, {"title": "changed"}),
        lambda session_id: sessions.undo(session_id, OWNER, new_turn_id()),
        lambda session_id: sessions.open_turn(
            session_id, OWNER, new_turn_id(), LEASE_MS, window=100, named_window=None
        ),
    ],
    ids=["patch", "undo", "open"],
)
@pytest.mark.parametrize("damage", [{"v": NEWER}, {"ttl": "x"}, {"fence": ""}], ids=str)
def test_a_damaged_session_is_not_changed(
    store: Store, session_id: str, command: Callable[[str], Command[Any]], damage: dict[str, str]
) -> None:
    put(store, meta(session_id), **damage)
    before = hash_of(store, meta(session_id))
    with pytest.raises(RecordDamaged):
        store.run(command(session_id))
    assert (hash_of(store, meta(session_id)), locked(store, session_id)) == (before, False)


def test_a_damaged_session_can_be_deleted(store: Store, session_id: str) -> None:
    put(store, meta(session_id), v=NEWER)
    store.run(sessions.delete(session_id, OWNER, new_turn_id()))
    assert not exists(store, *keyspace.session(session_id))


def test_a_turn_that_cannot_be_stored_in_a_damaged_session_says_so(
    store: Store, session_id: str
) -> None:
    turn = new_turn("late")
    opened = open_for(store, session_id, turn)
    put(store, meta(session_id), v=NEWER)
    assert commit(store, opened, turn) == "damaged"


def test_a_damaged_turn_is_not_answered_anew(store: Store, session_id: str) -> None:
    store.run(Command(("RPUSH", keyspace.session(session_id)[1], "10 x {}"), int))
    with pytest.raises(RecordDamaged):
        open_for(store, session_id, new_turn(), anew=True)


def test_a_turn_s_log_that_makes_no_sense_is_not_read(store: Store) -> None:
    turn_id = new_turn_id()
    store.run(turn_log.begin(turn_id, OWNER, "session", LEASE_MS))
    store.run(Command(("XADD", keyspace.turn(turn_id)[1], "1-0", "e", "nonsense\n\n"), bytes))
    with pytest.raises(RecordDamaged):
        store.run(turn_log.read(turn_id, OWNER, 0, LEASE_MS))


def test_a_damaged_turn_cannot_be_cancelled(store: Store) -> None:
    kept = KINDS["turn"](store)
    put(store, kept.key, v=NEWER)
    with pytest.raises(RecordDamaged):
        store.run(turn_log.cancel(kept.key[6:].partition("}")[0], OWNER))
    assert "cancel" not in hash_of(store, kept.key)


# Lists leave it out


@pytest.mark.parametrize(
    "damage", [{"v": NEWER}, {"created_at": "x"}, {"owner": STRANGER}], ids=str
)
def test_the_lists_of_keys_and_teams_leave_a_damaged_one_out(
    store: Store, damage: dict[str, str]
) -> None:
    for kind, everything in (("client key", Keys), ("team", Teams)):
        bad, good = (KINDS[kind](store) for _ in range(2))
        put(store, bad.key, **damage)
        listed = {each.id for each in everything(store, "cli").all()}
        assert (bad.owner in listed, good.owner in listed) == (False, True)
        remove(store, bad.key)


@pytest.mark.parametrize("nonsense", [b"", b"\xff", b"10", b"x y {}", b"10 x {", b'10 x {"v":1}'])
@pytest.mark.parametrize("place", ["LPUSH", "RPUSH"])
def test_a_damaged_turn_is_left_out_of_its_session(
    store: Store, redis_admin: Store, session_id: str, nonsense: bytes, place: str
) -> None:
    redis_admin.run(Command((place, keyspace.session(session_id)[1], nonsense), int))
    assert messages(store, session_id) == ["a", "b"]
    opened = open_for(store, session_id, new_turn())
    assert [turn.question[0]["content"] for turn in opened.turns] == ["a", "b"]


@pytest.mark.parametrize("nonsense", [b"", b"\0", b"title\0{", b"title\0{}", b"\xff\0null"])
def test_a_damaged_entry_is_left_out_of_the_list_of_sessions(store: Store, nonsense: bytes) -> None:
    owner = f"key:{client_keys.new_id()}"
    listed = [_enlisted(store, owner) for _ in range(3)]
    shown = keyspace.session_list(owner)[2]
    store.run(Command(("HSET", shown, listed[1], nonsense), int))
    page = store.run(session_list.page(owner, limit=10, cursor=None, query=""))
    assert {session.id for session in page.sessions} == {listed[0], listed[2]}


def _enlisted(store: Store, owner: str) -> str:
    session_id = new_session(store, owner=owner)
    session, _ = store.run(sessions.read(session_id, owner))
    store.run(session_list.enlist(session, turn_count=0, title="", replace=True))
    return session_id


@pytest.mark.parametrize("fields", [("a", "b"), ("changes", "{"), ("changes", "[]")], ids=str)
def test_a_damaged_entry_is_left_out_of_the_audit_log(
    store: Store, fields: tuple[str, str]
) -> None:
    store.run(audit.note("cli", "key.created", "before", {}))
    store.run(Command(("XADD", keyspace.audit(), "*", *fields), bytes))
    newest = store.run(audit.page(1))
    assert newest.events == []
    page = store.run(audit.page(1, newest.next_cursor))
    assert [event.target for event in page.events] == ["before"]


def test_a_damaged_day_is_left_out_of_the_usage(store: Store) -> None:
    name = client_keys.new_id()
    key = keyspace.usage_day("key", name, "2025-06-15")
    put(store, key, day="damaged", **{"07": "12345678"})
    assert store.run(usage.of_day("key", name, "2025-06-15")) is None
    remove(store, key)


# Turns that are gone


GONE: list[Callable[[str], Command[Any]]] = [
    lambda session_id: sessions.read(session_id, OWNER),
    lambda session_id: sessions.patch(session_id, OWNER, {"title": "changed"}),
    lambda session_id: sessions.undo(session_id, OWNER, new_turn_id()),
    lambda session_id: sessions.open_turn(
        session_id, OWNER, new_turn_id(), LEASE_MS, window=100, named_window=None
    ),
]


@pytest.mark.parametrize("command", GONE, ids=["read", "patch", "undo", "open"])
@pytest.mark.parametrize("earlier_build", [False, True], ids=["counted", "not counted"])
def test_a_session_whose_turns_are_gone_says_so(
    store: Store, session_id: str, command: Callable[[str], Command[Any]], *, earlier_build: bool
) -> None:
    if earlier_build:
        remove(store, meta(session_id), "count")
    remove(store, keyspace.session(session_id)[1])
    with pytest.raises(TurnsMissing):
        store.run(command(session_id))
    assert not locked(store, session_id)


def test_turns_that_go_while_one_runs_are_missed_at_its_end(store: Store, session_id: str) -> None:
    turn = new_turn("late")
    opened = open_for(store, session_id, turn)
    remove(store, keyspace.session(session_id)[1])
    assert commit(store, opened, turn) == "turns_missing"
    assert not exists(store, keyspace.session(session_id)[1])


@pytest.mark.parametrize("earlier_build", [False, True], ids=["counted", "not counted"])
def test_the_number_of_turns_is_known_whatever_becomes_of_them(
    store: Store, session_id: str, *, earlier_build: bool
) -> None:
    if earlier_build:
        remove(store, meta(session_id), "count")
    for anew in (False, True):
        turn = new_turn("c")
        commit(store, open_for(store, session_id, turn, anew=anew), turn)
    assert hash_of(store, meta(session_id))["count"] == "3"
    for _ in range(3):
        store.run(sessions.undo(session_id, OWNER, new_turn_id()))
    assert hash_of(store, meta(session_id))["count"] == "0"
    assert messages(store, session_id) == []


def test_a_turn_of_an_unknown_shape_is_left_out(store: Store, session_id: str) -> None:
    front, body = turns.encode(new_turn("new"), session_id, OWNER).split(b" {", 1)
    fields = orjson.loads(b"{" + body) | {"v": int(NEWER)}
    store.run(
        Command(
            ("RPUSH", keyspace.session(session_id)[1], front + b" " + orjson.dumps(fields)), int
        )
    )
    assert messages(store, session_id) == ["a", "b"]
