"""Who listens to a turn in its worker is woken by each event, and told when none comes."""

from __future__ import annotations

import time

import gevent

from proxy.idle_timeout import IdleTimeout
from proxy.store.live import LiveTurn


def live_turn() -> LiveTurn:
    return LiveTurn("t_1", "key:k_1", "s_1")


def test_who_listens_is_woken_by_an_event() -> None:
    live = live_turn()
    listener = live.listen(60)
    gevent.spawn(live.append, "delta", b"{}")
    assert listener.wait(0)
    listener.close()


def test_what_is_there_already_is_not_waited_for() -> None:
    live = live_turn()
    listener = live.listen(60)
    live.append("delta", b"{}")
    assert listener.wait(0)
    live.end("done", b"{}")
    assert listener.wait(2)
    listener.close()


def test_all_who_listen_are_woken() -> None:
    live = live_turn()
    listeners = [live.listen(60) for _ in range(3)]
    waiting = [gevent.spawn(listener.wait, 0) for listener in listeners]
    gevent.spawn(live.append, "delta", b"{}")
    gevent.joinall(waiting)
    assert [one.value for one in waiting] == [True] * 3


def test_silence_is_told_after_its_time_and_again() -> None:
    listener = live_turn().listen(0.05)
    for _ in range(3):
        begun = time.monotonic()
        assert not listener.wait(0)
        assert time.monotonic() - begun >= 0.05
    listener.close()


def test_who_is_ended_while_they_wait_is_not_woken_into_something_else() -> None:
    live = live_turn()
    listener = live.listen(60)

    def listen_then_sleep() -> str:
        try:
            listener.wait(0)
        except gevent.GreenletExit:
            gevent.sleep(0.05)  # a wake that comes late would end this
            return "slept"
        return "woken"

    waiting = gevent.spawn(listen_then_sleep)
    gevent.sleep(0)
    waiting.kill(block=False)
    live.append("delta", b"{}")
    waiting.join()
    assert waiting.value == "slept"


def test_who_has_closed_is_forgotten() -> None:
    live = live_turn()
    live.listen(60).close()
    assert not live._listeners


def test_an_idle_timeout_is_with_each_wait_and_not_with_all_together() -> None:
    acted: list[float] = []
    begun = time.monotonic()
    idle = IdleTimeout(0.2, lambda: acted.append(time.monotonic() - begun))
    idle.begin()
    gevent.sleep(0.15)
    idle.end()
    idle.begin()
    wait_until_acted(acted)
    assert acted[0] >= 0.35
    idle.close()


def test_an_idle_timeout_ends_with_the_wait() -> None:
    acted: list[None] = []
    idle = IdleTimeout(0.01, lambda: acted.append(None))
    idle.begin()
    idle.end()
    gevent.sleep(0.05)
    idle.begin()
    idle.close()
    gevent.sleep(0.05)
    assert acted == []


def wait_until_acted(acted: list[float]) -> None:
    while not acted:
        gevent.sleep(0.01)
