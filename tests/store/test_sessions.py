"""Sessions: a turn holds one, is stored once or not at all, and only its owner sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from proxy.domain.identifiers import new_session_id, new_turn_id
from proxy.errors import InvalidRequest, SessionBusy, SessionNotFound
from proxy.store import keyspace, sessions, turns
from proxy.store.connection import Command
from tests.store.samples import (
    LEASE_MS,
    OWNER,
    begin,
    commit,
    exists,
    hash_of,
    locked,
    messages,
    new_session,
    new_turn,
    open_for,
    ttl_ms,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.domain.conversation import Turn
    from proxy.store.connection import Store

STRANGER = "key:eve"


def release(store: Store, session_id: str, turn: Turn) -> None:
    store.run(sessions.release(session_id, turn.id))


def undo(store: Store, session_id: str, undo_id: str = "") -> list[str]:
    store.run(sessions.undo(session_id, OWNER, undo_id or new_turn_id()))
    return messages(store, session_id)


def append(store: Store, session_id: str, record: bytes) -> None:
    """Put a record into a session behind the service's back."""
    store.run(Command(("RPUSH", keyspace.session(session_id)[1], record), int))


# A turn from beginning to end


def test_a_session_begins_with_its_first_turn(store: Store) -> None:
    turn, session_id = new_turn("first"), new_session_id()
    opened = begin(store, session_id, turn)
    assert (opened.turns, opened.session.turn_count, locked(store, session_id)) == ([], 0, True)
    assert commit(store, opened, turn, title="First") == "ok"
    session, stored = store.run(sessions.read(session_id, OWNER))
    assert (session.title, stored, locked(store, session_id)) == ("First", [turn], False)


def test_a_session_that_is_there_is_not_begun_again(store: Store) -> None:
    session_id = new_session(store, new_turn("kept"), title="Old")
    begin(store, session_id, new_turn("late"))
    assert messages(store, session_id) == ["kept"]
    assert not locked(store, session_id)


def test_turns_are_kept_in_their_order(store: Store) -> None:
    session_id = new_session(store)
    for message in "abc":
        turn = new_turn(message)
        assert commit(store, open_for(store, session_id, turn), turn) == "ok"
    assert messages(store, session_id) == ["a", "b", "c"]


def test_a_turn_is_told_the_whole_history_before_it(store: Store) -> None:
    earlier = [new_turn(message) for message in "abc"]
    opened = open_for(store, new_session(store, *earlier), new_turn())
    assert (opened.turns, opened.session.turn_count) == (earlier, 3)


def test_a_commit_that_is_repeated_stores_one_turn(store: Store) -> None:
    session_id, turn = new_session(store), new_turn("once")
    opened = open_for(store, session_id, turn)
    assert [commit(store, opened, turn) for _ in range(3)] == ["ok"] * 3
    assert messages(store, session_id) == ["once"]


def test_a_commit_changes_what_the_turn_was_told_to_change(store: Store) -> None:
    session_id, turn = new_session(store, system="old"), new_turn()
    fields = sessions.changes({"system": "new"})
    commit(store, open_for(store, session_id, turn), turn, fields=fields)
    assert store.run(sessions.read(session_id, OWNER))[0].system == "new"


def test_a_title_that_is_there_stays(store: Store) -> None:
    session_id, turn = new_session(store, title="Mine"), new_turn()
    commit(store, open_for(store, session_id, turn), turn, title="Yours")
    assert store.run(sessions.read(session_id, OWNER))[0].title == "Mine"


def test_a_turn_of_a_deleted_session_is_missing(store: Store) -> None:
    session_id, turn = new_session(store), new_turn()
    opened = open_for(store, session_id, turn)
    store.run(sessions.delete(session_id, OWNER, new_turn_id()))
    assert commit(store, opened, turn) == "missing"
    assert not exists(store, *keyspace.session(session_id))


# The lock and the fence


def test_a_second_turn_is_told_to_look_again_in_a_second(store: Store) -> None:
    session_id = new_session(store)
    open_for(store, session_id, new_turn())
    with pytest.raises(SessionBusy) as busy:
        open_for(store, session_id, new_turn())
    assert busy.value.retry_after == 1


def test_the_first_turn_of_a_session_holds_it_too(store: Store) -> None:
    session_id = new_session_id()
    begin(store, session_id, new_turn())
    with pytest.raises(SessionBusy):
        open_for(store, session_id, new_turn())


def test_to_open_again_for_the_same_turn_changes_nothing(store: Store) -> None:
    session_id, turn = new_session(store), new_turn()
    first, again = (open_for(store, session_id, turn) for _ in range(2))
    assert first == again


def test_a_turn_whose_lease_ran_out_unseen_can_commit(store: Store) -> None:
    session_id, turn = new_session(store), new_turn("slow")
    opened = open_for(store, session_id, turn, lease_ms=1)
    wait_until(lambda: not locked(store, session_id), "the lease to run out")
    assert commit(store, opened, turn) == "ok"
    assert messages(store, session_id) == ["slow"]


def test_a_turn_whose_opening_a_failover_lost_cannot_commit_with_the_number_of_the_next(
    store: Store,
) -> None:
    session_id = new_session(store)
    meta, _, lock = keyspace.session(session_id)
    unknown, known = new_turn("unknown"), new_turn("known")
    lost = open_for(store, session_id, unknown)
    store.run(Command(("HINCRBY", meta, "fence", -1), int))
    store.run(Command(("DEL", lock), int))
    opened = open_for(store, session_id, known)
    assert opened.fence == lost.fence
    assert commit(store, lost, unknown) == "lost"
    assert commit(store, opened, known) == "ok"
    assert commit(store, lost, unknown) == "lost"
    assert messages(store, session_id) == ["known"]


def test_a_turn_that_was_overtaken_cannot_commit(store: Store) -> None:
    session_id, slow, quick = new_session(store), new_turn("slow"), new_turn("quick")
    overtaken = open_for(store, session_id, slow, lease_ms=1)
    wait_until(lambda: not locked(store, session_id), "the lease to run out")
    opened = open_for(store, session_id, quick)
    assert commit(store, overtaken, slow) == "lost"
    assert locked(store, session_id)
    assert commit(store, opened, quick) == "ok"
    assert commit(store, overtaken, slow) == "lost"
    assert messages(store, session_id) == ["quick"]


def test_a_turn_that_was_overtaken_by_an_undo_cannot_commit(store: Store) -> None:
    session_id, slow = new_session(store, new_turn("a"), new_turn("b")), new_turn("slow")
    overtaken = open_for(store, session_id, slow, lease_ms=1)
    wait_until(lambda: not locked(store, session_id), "the lease to run out")
    assert undo(store, session_id) == ["a"]
    assert commit(store, overtaken, slow) == "lost"
    assert messages(store, session_id) == ["a"]


def test_a_lease_that_is_renewed_is_as_long_as_a_new_one(store: Store) -> None:
    session_id, turn = new_session(store), new_turn()
    open_for(store, session_id, turn, lease_ms=5_000)
    assert store.run(sessions.renew(session_id, turn.id, LEASE_MS))
    assert ttl_ms(store, keyspace.session(session_id)[2]) > LEASE_MS - 5_000


def test_only_the_turn_that_holds_a_session_can_renew(store: Store) -> None:
    session_id = new_session(store)
    assert not store.run(sessions.renew(session_id, new_turn_id(), LEASE_MS))
    open_for(store, session_id, new_turn())
    assert not store.run(sessions.renew(session_id, new_turn_id(), LEASE_MS))


def test_a_released_session_is_free_and_unchanged(store: Store) -> None:
    session_id, turn = new_session(store, new_turn("kept")), new_turn()
    open_for(store, session_id, turn)
    release(store, session_id, turn)
    release(store, session_id, turn)
    assert (locked(store, session_id), messages(store, session_id)) == (False, ["kept"])


def test_a_release_leaves_the_turn_that_came_after_alone(store: Store) -> None:
    session_id, slow = new_session(store), new_turn()
    open_for(store, session_id, slow, lease_ms=1)
    wait_until(lambda: not locked(store, session_id), "the lease to run out")
    open_for(store, session_id, new_turn())
    release(store, session_id, slow)
    assert locked(store, session_id)


def test_a_session_whose_first_turn_came_to_nothing_is_gone(store: Store) -> None:
    session_id, turn = new_session_id(), new_turn()
    begin(store, session_id, turn)
    release(store, session_id, turn)
    assert not exists(store, *keyspace.session(session_id))


def test_a_session_is_not_gone_when_its_first_turn_is_released_after_the_commit(
    store: Store,
) -> None:
    session_id, turn = new_session_id(), new_turn("kept")
    commit(store, begin(store, session_id, turn), turn)
    release(store, session_id, turn)
    assert messages(store, session_id) == ["kept"]


def test_a_session_that_never_got_its_first_turn_goes_by_itself(store: Store) -> None:
    session_id = new_session_id()
    begin(store, session_id, new_turn(), lease_ms=1)
    wait_until(lambda: not exists(store, keyspace.session(session_id)[0]), "the session to go")


def test_the_first_turn_gives_a_session_its_whole_life(store: Store) -> None:
    session_id, turn = new_session_id(), new_turn()
    commit(store, begin(store, session_id, turn), turn)
    assert min(ttl_ms(store, key) for key in keyspace.session(session_id)[:2]) > 3_500_000


# What is read


@pytest.mark.parametrize(
    ("window", "named", "read"),
    [(100, None, 10), (35, None, 3), (30, None, 3), (9, None, 0), (0, None, 0), (35, 12, 1)],
)
def test_what_is_read_of_the_history_is_what_fits_the_window(
    store: Store, window: int, named: int | None, read: int
) -> None:
    earlier = [new_turn(tokens=10) for _ in range(10)]
    session_id = new_session(store, *earlier)
    opened = open_for(store, session_id, new_turn(), window=window, named_window=named)
    assert opened.turns == earlier[10 - read :]


def test_the_window_of_the_session_s_own_model_comes_before_the_default(store: Store) -> None:
    session_id, earlier = new_session_id(), [new_turn(tokens=10) for _ in range(5)]
    fields = sessions.changes({"ttl": 3600, "model": "small"}, window=20)
    store.run(sessions.create(session_id, OWNER, fields, earlier))
    assert open_for(store, session_id, new_turn(), window=1_000_000).turns == earlier[-2:]


def test_records_beyond_the_window_are_not_read(store: Store) -> None:
    session_id = new_session(store)
    append(store, session_id, b"this is no record")
    earlier = [new_turn(tokens=10) for _ in range(40)]
    for turn in earlier:
        append(store, session_id, turns.encode(turn, session_id, OWNER))
    assert open_for(store, session_id, new_turn(), window=50).turns == earlier[-5:]


def test_a_long_history_is_read_whole_where_it_fits(store: Store) -> None:
    earlier = [new_turn(str(number), tokens=1) for number in range(100)]
    opened = open_for(store, new_session(store, *earlier), new_turn(), window=100)
    assert opened.turns == earlier


@pytest.mark.parametrize(
    ("session", "owner"), [("", STRANGER), (new_session_id(), OWNER)], ids=["owner", "session"]
)
def test_a_record_of_another_owner_or_session_is_left_out_and_logged(
    store: Store, session: str, owner: str
) -> None:
    session_id, foreign = new_session(store, new_turn("mine")), new_turn("theirs")
    append(store, session_id, turns.encode(foreign, session or session_id, owner))
    with capture_logs() as logged:
        assert messages(store, session_id) == ["mine"]
        opened = open_for(store, session_id, new_turn())
    assert [turn.question[0]["content"] for turn in opened.turns] == ["mine"]
    assert [(entry["event"], entry["turn"]) for entry in logged] == [
        ("foreign_turn", foreign.id)
    ] * 2


@pytest.mark.parametrize(
    "command",
    [
        lambda session_id: sessions.read(session_id, STRANGER),
        lambda session_id: sessions.patch(session_id, STRANGER, {"title": "stolen"}),
        lambda session_id: sessions.undo(session_id, STRANGER, new_turn_id()),
        lambda session_id: sessions.delete(session_id, STRANGER, new_turn_id()),
        lambda session_id: sessions.open_turn(
            session_id, STRANGER, new_turn_id(), LEASE_MS, window=100, named_window=None
        ),
    ],
    ids=["read", "patch", "undo", "delete", "open"],
)
def test_to_anybody_but_its_owner_a_session_is_not_there(
    store: Store, command: Callable[[str], Command[object]]
) -> None:
    session_id = new_session(store, new_turn("secret"), title="Mine")
    with pytest.raises(SessionNotFound):
        store.run(command(session_id))
    session, stored = store.run(sessions.read(session_id, OWNER))
    assert (session.title, len(stored), locked(store, session_id)) == ("Mine", 1, False)


def test_a_session_that_never_was_is_not_found(store: Store) -> None:
    with pytest.raises(SessionNotFound):
        open_for(store, new_session_id(), new_turn())


@pytest.mark.parametrize(
    ("first", "last", "read"), [(0, -1, "abcd"), (-2, -1, "cd"), (1, 2, "bc"), (9, 12, "")]
)
def test_turns_can_be_read_in_part(store: Store, first: int, last: int, read: str) -> None:
    session_id = new_session(store, *map(new_turn, "abcd"))
    _, stored = store.run(sessions.read(session_id, OWNER, first, last))
    assert "".join(turn.question[0]["content"] for turn in stored) == read


# Answering anew, taking back, changing, deleting


def test_the_newest_turn_can_be_answered_anew(store: Store) -> None:
    old, new = new_turn("b"), new_turn("B")
    session_id = new_session(store, new_turn("a"), old)
    opened = open_for(store, session_id, new, anew=True)
    assert (opened.replaced, [turn.question[0]["content"] for turn in opened.turns]) == (old, ["a"])
    assert [commit(store, opened, new) for _ in range(2)] == ["ok", "ok"]
    assert messages(store, session_id) == ["a", "B"]


def test_where_there_is_no_turn_none_is_answered_anew_or_taken_back(store: Store) -> None:
    session_id = new_session(store)
    with pytest.raises(InvalidRequest, match="no turn to answer anew"):
        open_for(store, session_id, new_turn(), anew=True)
    with pytest.raises(InvalidRequest, match="no turn to take back"):
        undo(store, session_id)
    assert not locked(store, session_id)


def test_turns_are_taken_back_newest_first(store: Store) -> None:
    session_id = new_session(store, *map(new_turn, "abc"))
    assert [undo(store, session_id) for _ in range(3)] == [["a", "b"], ["a"], []]


def test_an_undo_that_is_repeated_takes_one_turn_back(store: Store) -> None:
    session_id, undo_id = new_session(store, *map(new_turn, "abc")), new_turn_id()
    assert [undo(store, session_id, undo_id) for _ in range(2)] == [["a", "b"]] * 2


def test_no_turn_is_taken_back_while_one_runs(store: Store) -> None:
    session_id = new_session(store, new_turn())
    open_for(store, session_id, new_turn())
    with pytest.raises(SessionBusy):
        undo(store, session_id)


def test_a_turn_that_was_taken_back_can_be_followed_by_another(store: Store) -> None:
    session_id, turn = new_session(store, *map(new_turn, "ab")), new_turn("c")
    undo(store, session_id)
    commit(store, open_for(store, session_id, turn), turn)
    assert messages(store, session_id) == ["a", "c"]


def test_a_change_leaves_other_settings_and_turns_alone(store: Store) -> None:
    session_id = new_session(store, new_turn("kept"), title="Old", system="Be kind.")
    changed = sessions.changes({"title": "New", "parameters": {"temperature": 0.5}})
    session = store.run(sessions.patch(session_id, OWNER, changed))
    assert (session.title, session.system, session.turn_count) == ("New", "Be kind.", 1)
    assert session.parameters == {"temperature": 0.5}


def test_a_setting_is_cleared_by_none(store: Store) -> None:
    session_id = new_session(store, system="Be kind.", model="gpt-6-sol")
    cleared = sessions.changes({"system": None, "model": None})
    session = store.run(sessions.patch(session_id, OWNER, cleared))
    assert (session.system, session.model) == ("", None)


def test_a_deleted_session_leaves_nothing(store: Store) -> None:
    session_id = new_session(store, new_turn())
    open_for(store, session_id, new_turn())
    store.run(sessions.delete(session_id, OWNER, new_turn_id()))
    assert not exists(store, *keyspace.session(session_id))


def test_a_session_lives_for_its_ttl_from_its_last_change(store: Store) -> None:
    session_id, turn = new_session(store, new_turn(), ttl=1000), new_turn()
    keys = keyspace.session(session_id)[:2]
    for key in keys:
        store.run(Command(("PEXPIRE", key, 60_000), int))
    commit(store, open_for(store, session_id, turn), turn)
    assert all(990_000 < ttl_ms(store, key) <= 1_000_000 for key in keys)
    store.run(sessions.patch(session_id, OWNER, sessions.changes({"ttl": 2000})))
    assert all(1_990_000 < ttl_ms(store, key) <= 2_000_000 for key in keys)


def test_a_lock_that_nobody_renews_goes_with_its_lease(store: Store) -> None:
    session_id = new_session(store)
    open_for(store, session_id, new_turn())
    assert 0 < ttl_ms(store, keyspace.session(session_id)[2]) <= LEASE_MS


def test_a_fork_has_its_own_copies_of_the_turns(store: Store) -> None:
    session_id = new_session(store, *map(new_turn, "ab"))
    _, copied = store.run(sessions.read(session_id, OWNER))
    fork = new_session(store, *copied)
    undo(store, session_id)
    assert messages(store, fork) == ["a", "b"]
    assert hash_of(store, keyspace.session(fork)[0])["last"] == copied[-1].id
