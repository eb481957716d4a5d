"""What Redis is still to be told is told when it is back, in order, and without a crowd before."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from proxy.domain.identifiers import new_turn_id
from proxy.settings import load
from proxy.store.connection import Command, Store, ping
from proxy.store.owed import Owed
from tests.support.fault_proxy import FaultProxy
from tests.support.service import CANARY

if TYPE_CHECKING:
    from proxy.embedded import EmbeddedRedis


def test_one_that_fails_tells_that_it_is_too_early_for_the_others(
    redis_server: EmbeddedRedis,
) -> None:
    owed, key = Owed(), f"cp:{new_turn_id()}"
    with FaultProxy(redis_server.url) as way:
        settings = load({"REDIS_URL": way.url, "OPENAI_API_KEY": CANARY})
        with closing(Store(settings)) as store:
            store.run(ping())
            for number in range(3):
                owed.add([Command(("RPUSH", key, number), int)])
            way.refusal, before = "OOM command not allowed", way.round_trips
            owed.pay(store)
            assert way.round_trips == before + 1
            way.refusal = ""
            owed.pay(store)
            assert not owed
            kept = store.run(Command(("LRANGE", key, 0, -1), list))
    assert sorted(kept) == [b"0", b"1", b"2"]
