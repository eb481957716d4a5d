"""Rooms: who goes next where callers wait for what they share, with the time passed in."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from proxy.domain.identifiers import new_turn_id
from proxy.domain.limits import Bucket, Room
from proxy.store import client_keys, keyspace
from proxy.store.buckets import Reserved, Terms, leave, reserve
from proxy.store.packed_limits import MICRO
from tests.store.samples import exists, new_bucket, ttl_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.store.connection import Store

START = 1_750_000_000_000_000
POLL_US = 50_000
LEASE_MS = 2_000
SECONDS = 60


def shared(rate: int = 60, burst: int = 1) -> Bucket:
    return Bucket("upstream", client_keys.new_id(), "requests", rate, burst)


def emptied(store: Store, rate: int = 60, burst: int = 1) -> Bucket:
    """A limit that nobody waits for yet, and that holds nothing at START."""
    bucket = shared(rate, burst)
    assert store.run(reserve(new_turn_id(), [bucket], {"requests": burst}, START)).granted
    return bucket


@dataclass
class Caller:
    """A flow that asks for what is shared; each line of its requests is in a worker of its own."""

    store: Store
    shared: Bucket
    flow: str
    weight: int = 1
    own: Sequence[Bucket] = ()
    inner: Sequence[Room] = ()
    line: str = "a"
    turn: str = field(default_factory=new_turn_id)

    def ask(
        self, now: int, *, waits: bool = True, more: bool = False, cost: int = 1, tokens: int = 0
    ) -> Reserved:
        """Ask as a waiter does, again and again with the same reservation until it is granted."""
        outer = Room(self.shared.scope, self.shared.id, self.flow, self.weight)
        terms = Terms(
            (*self.inner, outer),
            wait_ms=LEASE_MS if waits else 0,
            line=self.line + self.flow,
            more=more,
        )
        turn = self.turn if waits else new_turn_id()
        buckets, costs = [*self.own, self.shared], {"requests": cost, "tokens": tokens}
        reserved = self.store.run(reserve(turn, buckets, costs, now, terms=terms))
        if reserved.granted and waits:
            self.turn = new_turn_id()
        return reserved

    def leave(self, now: int) -> None:
        outer = Room(self.shared.scope, self.shared.id, self.flow, self.weight)
        self.store.run(leave((*self.inner, outer), self.line + self.flow, now))


def rounds(callers: Sequence[Caller], now: int, count: int, step_us: int = MICRO) -> list[str]:
    """Who goes, when each asks once after each step, in an order that changes."""
    went: list[str] = []
    order = list(callers)
    for _ in range(count):
        now += step_us
        order.append(order.pop(0))
        went += [caller.flow for caller in order if caller.ask(now, more=True).granted]
    return went


def test_who_was_served_least_goes_next_whoever_asks_first(store: Store) -> None:
    bucket = emptied(store)
    callers = [Caller(store, bucket, flow) for flow in "cba"]
    for caller in callers:
        assert not caller.ask(START).granted
    assert rounds(callers, START, 6) == list("abcabc")


def test_a_turn_by_weight(store: Store) -> None:
    bucket = emptied(store)
    callers = [Caller(store, bucket, "heavy", 3), Caller(store, bucket, "light", 1)]
    for caller in callers:
        caller.ask(START)
    assert Counter(rounds(callers, START, 40)) == {"heavy": 30, "light": 10}


def test_a_waiter_is_told_how_many_go_before_it_and_when_its_turn_may_come(store: Store) -> None:
    bucket = emptied(store, rate=60, burst=1)
    told = [Caller(store, bucket, flow).ask(START) for flow in "abc"]
    assert [(reserved.before, reserved.waiting) for reserved in told] == [(0, 1), (1, 2), (2, 3)]
    assert [reserved.turn_s for reserved in told] == [1, 2, 3]
    assert [reserved.room and reserved.room.id for reserved in told] == [bucket.id] * 3


def test_who_does_not_wait_may_not_pass_those_who_do(store: Store) -> None:
    bucket = emptied(store)
    Caller(store, bucket, "waiter").ask(START)
    passer = Caller(store, bucket, "passer").ask(START + MICRO, waits=False)
    assert (passer.granted, passer.before, passer.waiting) == (False, 1, 2)
    assert passer.balances[0].wait_s == 0
    assert Caller(store, bucket, "waiter").ask(START + MICRO).granted


def test_who_does_not_wait_passes_those_who_were_served_more(store: Store) -> None:
    bucket = emptied(store)
    waiter = Caller(store, bucket, "waiter")
    waiter.ask(START)
    assert waiter.ask(START + MICRO, more=True).granted
    assert Caller(store, bucket, "passer").ask(START + 2 * MICRO, waits=False).granted


def test_who_does_not_wait_is_nobody_s_hindrance(store: Store) -> None:
    bucket = emptied(store)
    waiter = Caller(store, bucket, "waiter")
    waiter.ask(START)
    Caller(store, bucket, "another").ask(START, waits=False)
    assert waiter.ask(START + MICRO, more=True).granted
    assert waiter.ask(START + 2 * MICRO).granted


def test_a_flow_whose_lease_ran_out_is_skipped_to_the_microsecond(store: Store) -> None:
    bucket = emptied(store)
    Caller(store, bucket, "a-dead-one").ask(START)
    alive = Caller(store, bucket, "b")
    assert not alive.ask(START + LEASE_MS * 1000 - 1).granted
    assert alive.ask(START + LEASE_MS * 1000).granted


def test_a_flow_that_leaves_holds_nobody_up(store: Store) -> None:
    bucket = emptied(store)
    leaver, other = Caller(store, bucket, "a"), Caller(store, bucket, "b")
    leaver.ask(START)
    other.ask(START)
    leaver.leave(START)
    assert other.ask(START + MICRO).granted


@pytest.mark.parametrize("how", ["leaves", "is served", "runs short of its own"])
def test_a_flow_keeps_its_place_while_another_of_its_lines_waits(store: Store, how: str) -> None:
    bucket, own, step = emptied(store, rate=120), new_bucket(1, 1), MICRO // 2
    first, second = (Caller(store, bucket, "a", line=line) for line in "xy")
    other = Caller(store, bucket, "b")
    for caller in (first, second, other):
        assert not caller.ask(START).granted
    if how == "leaves":
        first.leave(START)
    elif how == "is served":
        assert first.ask(START + step).granted
        assert not second.ask(START + 2 * step).granted
        assert other.ask(START + 2 * step, more=True).granted
    else:
        store.run(reserve(new_turn_id(), [own], {"requests": 1}, START))
        first.own = [own]
        assert not first.ask(START).granted
    now = START + (3 if how == "is served" else 1) * step
    assert not other.ask(now).granted
    assert second.ask(now).granted
    assert other.ask(now + step).granted


def test_a_flow_that_comes_back_between_two_turns_keeps_what_it_is_due(store: Store) -> None:
    bucket = emptied(store)
    heavy, light = Caller(store, bucket, "z-heavy", 3), Caller(store, bucket, "light")
    now, went = START, Counter[str]()
    heavy.ask(now)
    light.ask(now)
    for _ in range(40):  # each turn of the heavy one is the last of its line: it leaves and returns
        now += MICRO
        light.ask(now - 1)
        heavy.ask(now - 1)
        went.update(c.flow for c in (heavy, light) if c.ask(now).granted)
    assert went == {"z-heavy": 30, "light": 10}


def test_a_flow_that_its_own_limit_stops_does_not_stand_in_the_outer_room(store: Store) -> None:
    bucket, own = emptied(store), new_bucket(1, 1)
    store.run(reserve(new_turn_id(), [own], {"requests": 1}, START))
    stopped, other = Caller(store, bucket, "a", own=[own]), Caller(store, bucket, "b")
    assert not stopped.ask(START).granted
    assert not other.ask(START).granted
    assert other.ask(START + MICRO).granted


def test_who_waits_for_one_lane_does_not_hold_up_another(store: Store) -> None:
    team = Room("team", client_keys.new_id(), "ada")
    paused, free = emptied(store), shared()
    waiter = Caller(store, paused, "team", inner=[team._replace(lane="slow")])
    assert not waiter.ask(START).granted
    other = Caller(store, free, "team", inner=[team._replace(flow="bob", lane="fast")])
    assert other.ask(START, waits=False).granted


def test_keys_of_a_team_without_limits_of_its_own_take_turns(store: Store) -> None:
    bucket, name = emptied(store), client_keys.new_id()
    keys = [Caller(store, bucket, "team", line=key) for key in "ab"]
    for caller in keys:
        caller.inner = [Room("team", name, caller.line)]
        caller.ask(START)
    now, went = START, Counter[str]()
    for _ in range(10):
        now += MICRO
        went.update(caller.line for caller in keys if caller.ask(now, more=True).granted)
    assert went == {"a": 5, "b": 5}


def test_a_big_request_is_not_starved_by_small_ones(store: Store) -> None:
    bucket = emptied(store, rate=60, burst=10)
    big, small = Caller(store, bucket, "big"), Caller(store, bucket, "small")
    small.ask(START)
    big.ask(START, cost=10)
    now, granted = START, 0
    while not (answer := big.ask(now, cost=10)).granted:
        now += MICRO
        granted += small.ask(now, more=True).granted
        assert now < START + 60 * MICRO, answer
    assert granted <= 2


def test_a_caller_that_was_idle_has_saved_up_one_turn_at_most(store: Store) -> None:
    bucket = emptied(store)
    busy = [Caller(store, bucket, flow) for flow in "ab"]
    for caller in busy:
        caller.ask(START)
    rounds(busy, START, 20)
    late = Caller(store, bucket, "late")
    assert rounds([*busy, late], START + 20 * MICRO, 8).count("late") <= 4


def test_a_room_vanishes_a_minute_after_the_last_one_waited(store: Store) -> None:
    bucket = emptied(store)
    waiter = Caller(store, bucket, "a")
    waiter.ask(START)
    keys = keyspace.room(Room(bucket.scope, bucket.id, "a"))
    assert exists(store, *keys) == 2
    assert all(59_000 < ttl_ms(store, key) <= 60_000 for key in keys)
    assert waiter.ask(START + MICRO).granted
    assert not exists(store, keys[0])
    before = ttl_ms(store, keys[1])
    assert Caller(store, bucket, "b").ask(START + 2 * MICRO, waits=False).granted
    assert 0 < ttl_ms(store, keys[1]) <= before


def test_nothing_is_kept_of_rooms_that_nobody_waits_in(store: Store) -> None:
    bucket = shared(burst=9)
    for _ in range(3):
        assert Caller(store, bucket, "a").ask(START).granted
    assert not exists(store, *keyspace.room(Room(bucket.scope, bucket.id, "a")))


def test_shares_follow_the_weights_of_teams_and_are_equal_within_a_team(store: Store) -> None:
    """Random costs, all polling at random, for a simulated minute; teams and keys in them."""
    dice = random.Random(4)
    bucket = Bucket("upstream", client_keys.new_id(), "tokens", 120_000, 2_000)
    members = {"x": (3, 3), "y": (2, 2), "z": (1, 1)}
    callers = [
        Caller(store, bucket, f"team:{team}", weight, line=f"{team}{number}")
        for team, (weight, keys) in members.items()
        for number in range(keys)
    ]
    names = {team: client_keys.new_id() for team in members}
    for caller in callers:
        caller.inner = [Room("team", names[caller.line[0]], caller.line)]
    costs = {caller.line: dice.randint(50, 500) for caller in callers}
    served: Counter[str] = Counter()
    longest: dict[str, int] = {}
    last = {caller.line: START for caller in callers}
    store.run(reserve(new_turn_id(), [bucket], {"tokens": 2_000}, START))
    for now in range(START, START + SECONDS * MICRO, POLL_US):
        dice.shuffle(callers)
        for caller in callers:
            line = caller.line
            if caller.ask(now, cost=0, tokens=costs[line]).granted:
                served[line] += costs[line]
                longest[line] = max(longest.get(line, 0), now - last[line])
                last[line], costs[line] = now, dice.randint(50, 500)
    total = sum(served.values())
    assert total >= 0.99 * 120_000 - 2_000
    teams: Counter[str] = Counter()
    for line, tokens in served.items():
        teams[line[0]] += tokens
    for team, (weight, keys) in members.items():
        assert teams[team] / total == pytest.approx(weight / 6, rel=0.1), served
        for number in range(keys):
            due = teams[team] / keys
            assert served[f"{team}{number}"] == pytest.approx(due, rel=0.1), served
    assert max(longest.values()) < 5 * MICRO, longest
