"""The session's side of a turn: opened and planned, or given up."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from proxy.domain.conversation import Usage
from proxy.domain.identifiers import is_session_id, new_session_id, new_turn_id
from proxy.errors import (
    ApiError,
    SessionBusy,
    SessionNotFound,
    StoreUnavailable,
)
from proxy.store import idempotency, sessions
from proxy.telemetry import current, traces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.allowance import Allowance
    from proxy.cancellation import Cancellation
    from proxy.domain.conversation import Opened
    from proxy.domain.personas import Personas
    from proxy.domain.plan import Plan, Planner
    from proxy.domain.request import Caller, TurnRequest
    from proxy.settings import Settings
    from proxy.store.connection import Command, Store
    from proxy.store.keeper import Keeper
    from proxy.telemetry.current import Current

_BUSY_PAUSE_S = 0.1
_NOT_OPENED = (SessionNotFound, SessionBusy)
"""After these there is nothing to unlock."""


@dataclass(slots=True)
class Running:
    """A turn that holds its session.

    Attributes:
        spent: what to charge if it fails and ChatGPT may have worked on it.
        certain: whether ChatGPT surely did.
        owed: whether it is answered, and stored as soon as Redis is back.
        current: what is known of the request that asked for it.
    """

    id: str
    request: TurnRequest
    allowance: Allowance
    opened: Opened
    plan: Plan
    spent: Usage = field(default_factory=Usage)
    certain: bool = False
    owed: bool = False
    current: Current = field(default_factory=current.get)


class Turns:
    """Opens sessions for turns."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        keeper: Keeper,
        planner: Planner,
        personas: Personas,
    ) -> None:
        self._store = store
        self._keeper = keeper
        self._planner = planner
        self._personas = personas
        self._session_ttl = settings.session_ttl

    @contextmanager
    def admitted(
        self,
        caller: Caller,
        request: TurnRequest,
        allowance: Allowance,
        cancellation: Cancellation,
    ) -> Iterator[Running]:
        """Open the session and fit the prompt; on failure unlock and give everything back."""
        turn_id = new_turn_id()
        session_id = new_session_id() if request.session_id is None else request.session_id
        if not is_session_id(session_id):
            raise SessionNotFound(session_id)
        renewals = partial(self._renewals, session_id, turn_id, request, allowance)
        turn: Running | None = None
        failure: ApiError | None = None
        whole = untouched = False
        try:
            with self._keeper.held(turn_id, renewals):
                with cancellation.heard(), traces.begin("open"):
                    opened = self._open_in_time(caller, request, session_id, turn_id)
                plan = self._planner.plan(caller, request, opened, allowance.most_tokens)
                turn = Running(turn_id, request, allowance, opened, plan)
                yield turn
            whole = True
        except ApiError as error:
            failure = error
            untouched = turn is None and request.claim is None and isinstance(error, _NOT_OPENED)
            raise
        finally:
            if not whole and not untouched and not (turn and turn.owed):
                back = _settlement(turn, allowance, failure)
                dropped = [idempotency.drop(request.claim, turn_id)] if request.claim else []
                self._give_up([sessions.release(session_id, turn_id), *back, *dropped], failure)

    def _renewals(
        self, session_id: str, turn_id: str, request: TurnRequest, allowance: Allowance
    ) -> Iterator[Command[Any]]:
        """What keeps the session, the reservation and the idempotency key while the turn runs."""
        yield sessions.renew(session_id, turn_id, self._keeper.lease_ms)
        yield allowance.renewal(turn_id)
        if request.claim:
            yield idempotency.renew(request.claim, turn_id, self._keeper.lease_ms)

    def _open_in_time(
        self, caller: Caller, request: TurnRequest, session_id: str, turn_id: str
    ) -> Opened:
        """Open the session; one that another turn holds is waited for if the request says so."""
        deadline = time.monotonic() + request.wait_s
        while True:
            try:
                return self._open(caller, request, session_id, turn_id)
            except SessionBusy:
                if time.monotonic() + _BUSY_PAUSE_S > deadline:
                    raise
            time.sleep(_BUSY_PAUSE_S)
            current.get().waiting_s += _BUSY_PAUSE_S

    def _open(self, caller: Caller, request: TurnRequest, session_id: str, turn_id: str) -> Opened:
        """Claim the idempotency key, lock the session, read its newest turns: one round trip."""
        if request.persona:
            self._personas.check(request.persona)
        lease = self._keeper.lease_ms
        opening = (
            self._beginning(caller, request, session_id, turn_id)
            if request.session_id is None
            else self._opening(caller, request, session_id, turn_id)
        )
        claims = [idempotency.claim(request.claim, turn_id, lease)] if request.claim else []
        opened: Opened = self._store.run_all(*claims, opening)[-1]
        return opened

    def _beginning(
        self, caller: Caller, request: TurnRequest, session_id: str, turn_id: str
    ) -> Command[Opened]:
        settings = instructions(request) | {"ttl": self._session_ttl, "title": ""}
        if request.model:
            settings["model"] = request.model
        window = self._planner.window(request.model) if request.model else None
        fields = sessions.changes(settings, window)
        return sessions.begin(session_id, caller.owner, fields, turn_id, self._keeper.lease_ms)

    def _opening(
        self, caller: Caller, request: TurnRequest, session_id: str, turn_id: str
    ) -> Command[Opened]:
        return sessions.open_turn(
            session_id,
            caller.owner,
            turn_id,
            self._keeper.lease_ms,
            window=self._planner.window(None),
            named_window=self._planner.window(request.model) if request.model else None,
            anew=request.anew,
        )

    def _give_up(self, commands: list[Command[Any]], failure: ApiError | None) -> None:
        """Now, or when Redis is back: nobody waits twice for one that does not answer."""
        if not isinstance(failure, StoreUnavailable):
            try:
                self._store.run_all(*commands)
            except StoreUnavailable:
                pass
            else:
                return
        self._keeper.owed.add(commands)


def _settlement(
    turn: Running | None, allowance: Allowance, failure: ApiError | None
) -> list[Command[Any]]:
    """What a turn that failed costs."""
    if turn is not None and turn.certain:
        allowance.failure = failure
        return [*allowance.settle(turn.spent)]
    return [*allowance.after(failure, turn.spent if turn else Usage())]


def instructions(request: TurnRequest) -> dict[str, Any]:
    """What a turn says its session's instructions are from now on."""
    given = {"system": request.system, "persona": request.persona}
    return {name: value for name, value in given.items() if value is not None}
