"""Wrong keys: their senders wait, and nobody else."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from proxy.web.guesses import FORGIVEN_PER_S, FREE, MOST_ADDRESSES, Guesses
from tests.web.settings import QUICK_STOP

if TYPE_CHECKING:
    from tests.conftest import NewKey, StartService
    from tests.support.service import Client

HERE = "192.0.2.7"
LONGEST_S = 2.0


def waits(guesses: Guesses, many: int, address: str = HERE, now: float = 0.0) -> list[float]:
    return [guesses.wrong(address, now) for _ in range(many)]


def test_who_mistypes_a_key_does_not_wait() -> None:
    assert set(waits(Guesses(LONGEST_S), FREE)) == {0}


def test_each_wrong_key_more_waits_longer_up_to_the_longest() -> None:
    after = waits(Guesses(LONGEST_S), FREE + 1_000)[FREE:]
    assert all(shorter <= longer for shorter, longer in pairwise(after))
    assert 0 < after[0] < after[10] < after[-1] == LONGEST_S


def test_others_do_not_wait() -> None:
    guesses = Guesses(LONGEST_S)
    waits(guesses, FREE + 1_000)
    assert guesses.wrong("192.0.2.8", 0.0) == 0


def test_it_is_forgiven_with_time() -> None:
    guesses = Guesses(LONGEST_S)
    waits(guesses, FREE + 50)
    assert guesses.wrong(HERE, 0.0) > 0
    assert guesses.wrong(HERE, (FREE + 52) / FORGIVEN_PER_S) == 0


def test_none_waits_where_the_setting_says_so() -> None:
    assert set(waits(Guesses(0.0), FREE + 1_000)) == {0}


def test_no_more_than_so_many_addresses_are_remembered() -> None:
    guesses = Guesses(LONGEST_S)
    for number in range(MOST_ADDRESSES + 100):
        guesses.wrong(f"10.0.{number // 256}.{number % 256}", 0.0)
    assert len(guesses) == MOST_ADDRESSES


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::7", "2001:db8:1:2:a:b:c:d", True),
        ("2001:db8:1:2::7", "2001:db8:1:3::7", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.8", False),
        ("", "192.0.2.7", False),
    ],
)
def test_a_host_s_many_ipv6_addresses_are_one(one: str, other: str, same: bool) -> None:
    guesses = Guesses(LONGEST_S)
    waits(guesses, FREE + 10, one)
    assert (guesses.wrong(other, 0.0) > 0) == same


def test_guessing_is_slowed_and_a_good_key_of_the_same_address_is_not(
    start_service: StartService, new_key: NewKey
) -> None:
    service, good = start_service(**QUICK_STOP), new_key()

    def seconds(client: Client, status: int) -> float:
        begun = time.monotonic()
        assert client.get("/sessions").status_code == status
        return time.monotonic() - begun

    def guess(number: int) -> float:
        return seconds(service.client(f"sk-proxy-guess{number}-{'x' * 43}"), 401)

    with ThreadPoolExecutor(16) as many:
        guessed = [*many.map(guess, range(FREE + 60))]
        late = many.submit(guess, FREE + 61)
        served = seconds(service.client(good), 200)
        assert late.result() > served
    assert max(guessed[-20:]) > 0.2


def test_no_key_at_all_is_no_guess(start_service: StartService) -> None:
    nobody = start_service(PROXY_WRONG_KEY_DELAY="60", **QUICK_STOP).client()
    assert {nobody.get("/sessions").status_code for _ in range(FREE + 20)} == {401}
    begun = time.monotonic()
    assert nobody.get("/sessions").status_code == 401
    assert time.monotonic() - begun < 10
