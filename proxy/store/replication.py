"""A turn is acknowledged when replicas have it too, where the settings say so.

A master that dies takes with it what it had not yet sent to the replica that follows it. With WAIT,
in the same round trip as what it waits for, what was acknowledged is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.errors import StoreUnavailable
from proxy.store.connection import Command
from proxy.store.outage import RETRY_AFTER_S
from proxy.telemetry import logs

if TYPE_CHECKING:
    from proxy.settings import Settings

_SHARE = 0.5
"""Of the time that Redis has to answer, what it may spend on waiting for replicas."""
_SAID_EVERY_S = 60.0


def told_together(settings: Settings) -> bool:
    """Whether all parts of a commit are in Redis when one of them is.

    Else repeats must not find the answer of a turn that may not be there: in a cluster they are on
    different nodes, and replicas may yet have to take them.
    """
    return settings.redis.kind != "cluster" and not settings.redis_wait_replicas


def replicated(settings: Settings) -> list[Command[None]]:
    """What goes behind the commands that replicas must have; nothing if none need to.

    The command raises StoreUnavailable when too few have them in time. They are in Redis then, and
    may be run again.
    """
    wanted = settings.redis_wait_replicas
    if not wanted:
        return []

    def parse(reply: int) -> None:
        if reply < wanted:
            error = StoreUnavailable(
                "The answer is not yet on as many servers as it has to be: try again in a moment.",
                retry_after=RETRY_AFTER_S,
            )
            logs.problem("replicas", error, every_s=_SAID_EVERY_S, wanted=wanted, there=reply)
            raise error

    return [Command(("WAIT", wanted, int(settings.redis_timeout * _SHARE * 1000)), parse)]
