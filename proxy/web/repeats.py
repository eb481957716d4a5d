"""Idempotency-Key: a repeat is given the answer of the first request, or joins its stream."""

from __future__ import annotations

import hashlib
import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from flask import request

from proxy.domain.request import Caller, Claim
from proxy.errors import InvalidRequest, RecordDamaged, TurnNotFound, UpstreamTimeout
from proxy.store import idempotency
from proxy.store.connection import time_us

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from proxy.settings import Settings
    from proxy.store.connection import Store
    from proxy.store.idempotency import AlreadyAsked
    from proxy.store.reader import Reader

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_POLL_S = 0.1
REPLAYED = {"Idempotent-Replayed": "true"}
"""What the answer of a repeat says of itself."""


def claim_of(caller: Caller, raw: bytes) -> Claim | None:
    """The request's idempotency key, bound to its owner and to what was asked; None without one.

    Raises:
        InvalidRequest: the key is longer than 255 characters or not printable ASCII.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise InvalidRequest(
            "Idempotency-Key should be 1 to 255 printable ASCII characters without spaces.",
            param="Idempotency-Key",
        )
    session = request.headers.get("X-Session-ID", "")
    asked = f"{request.path}\n{request.query_string.decode('latin-1')}\n{session}\n".encode()
    return Claim(caller.owner, key, hashlib.sha256(asked + raw).hexdigest())


class Repeats:
    """Finds the answers for the repeats of requests."""

    def __init__(self, store: Store, reader: Reader, settings: Settings) -> None:
        self._store = store
        self._reader = reader
        self._patience = settings.upstream_total_timeout

    def answer(self, claim: Claim, earlier: AlreadyAsked) -> bytes | None:
        """The first request's answer; None when that came to nothing meanwhile.

        Raises:
            UpstreamTimeout: it is not answered in the time a turn may take.
        """
        states = self._states(claim, earlier)
        return next((state.answer for state in states if state.answer is not None), None)

    def events(
        self,
        claim: Claim,
        earlier: AlreadyAsked,
        made_up: Callable[[bytes], Iterator[bytes]],
    ) -> Iterator[bytes] | None:
        """The turn's own events as long as all are kept, else events made from its answer.

        A first request that has not begun to stream yet is waited for; None when it came to
        nothing. Raises as `answer` does.
        """
        for state in self._states(claim, earlier):
            if state.answer is not None:
                told = self._told(state.turn_id, claim.owner)
                return made_up(state.answer) if told is None else iter(told)
            with suppress(TurnNotFound):
                return self._reader.follow(state.turn_id, claim.owner, 0)
        return None

    def _told(self, turn_id: str, owner: str) -> list[bytes] | None:
        try:
            return self._reader.whole(turn_id, owner)
        except (TurnNotFound, RecordDamaged):
            return None

    def _states(self, claim: Claim, earlier: AlreadyAsked) -> Iterator[AlreadyAsked]:
        """What becomes of the first request as time goes by, until it came to nothing.

        That is so when it gave the key up, or when its worker is dead and its lease has run out.
        """
        deadline = time.monotonic() + self._patience
        state: AlreadyAsked | None = earlier
        now_us = 0
        while state is not None and (state.answer is not None or state.alive_us >= now_us):
            yield state
            if time.monotonic() > deadline:
                raise UpstreamTimeout("The first request with this Idempotency-Key still runs.")
            time.sleep(_POLL_S)
            state, now_us = self._store.run_all(idempotency.look(claim), time_us())
