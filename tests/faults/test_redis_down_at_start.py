"""Redis is down when the service starts: the process is up and says so, and nobody is asked."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.faults.fragile import STRAY_S, refused, timed
from tests.support.redis_server import RedisServer
from tests.support.service import free_port
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.conftest import StartService
    from tests.support.simulator import Control


def test_it_is_up_and_says_so_and_is_ready_soon_after_redis_appears(
    start_service: StartService, chatgpt: Control
) -> None:
    redis = RedisServer(port=free_port())
    service = start_service(REDIS_URL=redis.tcp_url, PROXY_AUTH="open")
    caller = service.client()
    assert '"event":"redis_unavailable"' in service.log
    assert caller.get("/livez").ok
    assert refused(caller.get("/readyz"))
    for _ in range(8):
        answer, seconds = timed(caller.chat)
        assert refused(answer)
        assert seconds < 0.6 + STRAY_S
    assert chatgpt.stats()["requests"] == 0
    with redis:
        appeared = time.monotonic()
        wait_until(lambda: caller.get("/readyz").ok, "the service to be ready", seconds=10)
        assert time.monotonic() - appeared < 2 + STRAY_S
        assert caller.chat().ok
