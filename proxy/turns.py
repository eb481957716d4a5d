"""The session's side of a turn: opened and planned, committed, or given up."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from proxy.domain.conversation import Usage, text_of, title_from
from proxy.domain.identifiers import is_session_id, new_session_id, new_turn_id
from proxy.errors import (
    ApiError,
    SessionBusy,
    SessionNotFound,
    StoreUnavailable,
)
from proxy.store import idempotency, session_list, sessions
from proxy.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.allowance import Allowance
    from proxy.cancellation import Cancellation
    from proxy.domain.conversation import Message, Opened, Turn
    from proxy.domain.personas import Personas
    from proxy.domain.plan import Plan, Planner
    from proxy.domain.request import Caller, Claim, TurnRequest
    from proxy.settings import Settings
    from proxy.store.connection import Command, Store
    from proxy.store.keeper import Keeper

_COMMIT_TRIES = 4
_COMMIT_PAUSE_S = 0.1
_BUSY_PAUSE_S = 0.1
_NOT_OPENED = (SessionNotFound, SessionBusy)
"""After these there is nothing to unlock."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A turn that is stored.

    Attributes:
        dropped: the parameters that were left out.
        body: what the caller gets: the reply of POST /chat, or ChatGPT's answer as it came.
    """

    session_id: str
    turn: Turn
    dropped: tuple[str, ...]
    body: bytes


@dataclass(slots=True)
class Running:
    """A turn that holds its session.

    Attributes:
        spent: what to charge if it fails and ChatGPT may have worked on it.
        certain: whether ChatGPT surely did.
    """

    id: str
    request: TurnRequest
    allowance: Allowance
    opened: Opened
    plan: Plan
    spent: Usage = field(default_factory=Usage)
    certain: bool = False


class Turns:
    """Opens sessions for turns and stores what comes of them."""

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
        turn: Running | None = None
        failure: ApiError | None = None
        whole = untouched = False
        try:
            with self._keeper.held(
                turn_id, *self._renewals(session_id, turn_id, request, allowance)
            ):
                with cancellation.heard():
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
            if not whole and not untouched:
                back = _settlement(turn, allowance, failure)
                self._give_up(session_id, turn_id, request.claim, back)

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
        settings = _instructions(request) | {"ttl": self._session_ttl, "title": ""}
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

    def commit(
        self,
        turn: Running,
        *,
        answer: Message,
        finish_reason: str,
        model: str,
        usage: Usage | None,
        raw: bytes | None = None,
    ) -> Answered:
        """Store the turn, settle its limits, unlock the session: one round trip.

        Args:
            turn: which turn.
            answer: ChatGPT's message; likewise finish_reason, model, and usage if it was told.
            finish_reason: why it ended.
            model: who answered.
            usage: what was used.
            raw: what the caller gets, where that is not the reply of POST /chat.

        Raises:
            SessionNotFound: the session was deleted meanwhile.
            SessionBusy: the lease ran out and somebody else came between.
        """
        stored = self._planner.turn(
            turn.id,
            turn.plan,
            answer=answer,
            finish_reason=finish_reason,
            model=model,
            usage=usage,
            created_at=time.time_ns() // 1_000_000,
        )
        turn.spent, turn.certain = stored.usage, True
        session, replaced = turn.opened.session, turn.opened.replaced
        title = session.title or title_from(text_of(stored.question[-1]))
        fields = sessions.changes(_instructions(turn.request))
        count = session.turn_count + (0 if replaced else 1)
        body = raw or orjson.dumps({"session_id": session.id} | stored.as_json())
        answered = Answered(session.id, stored, turn.plan.adapted.dropped, body)
        outcome, *_ = self._insist(
            sessions.commit(turn.opened, stored, title, replaced.id if replaced else "", fields),
            *turn.allowance.settle(turn.spent),
            session_list.enlist(session, turn_count=count, title=title, replace=False),
            *self._kept(turn, answered),
        )
        self._refuse_unstored(outcome, turn)
        return answered

    def _insist(self, *commands: Command[Any]) -> list[Any]:
        """Run what an answered turn must not be lost for; each of it is safe to run twice."""
        for _ in range(_COMMIT_TRIES - 1):
            try:
                return self._store.run_all(*commands)
            except StoreUnavailable:
                time.sleep(_COMMIT_PAUSE_S)
        return self._store.run_all(*commands)

    def _kept(self, turn: Running, answered: Answered) -> list[Command[None]]:
        """The answer for the repeats of an idempotency key; one that was cut off is none."""
        claim = turn.request.claim
        if claim is None or answered.turn.interrupted:
            return []
        return [idempotency.finish(claim, turn.id, answered.body)]

    def _refuse_unstored(self, outcome: str, turn: Running) -> None:
        session, claim = turn.opened.session, turn.request.claim
        if outcome != "ok" and claim:
            self._store.run(idempotency.forget(claim))
        if outcome == "missing":
            self._store.run_all(*session_list.delist(session.owner, session.id))
            raise SessionNotFound(session.id)
        if outcome == "lost":
            raise SessionBusy(
                "The session was taken by another turn before this one was answered.",
                param="session_id",
                retry_after=1,
            )

    def _give_up(
        self, session_id: str, turn_id: str, claim: Claim | None, back: list[Command[Any]]
    ) -> None:
        dropped = [idempotency.drop(claim, turn_id)] if claim else []
        try:
            self._store.run_all(sessions.release(session_id, turn_id), *back, *dropped)
        except StoreUnavailable as error:
            logs.problem("release", error, turn=turn_id)


def _settlement(
    turn: Running | None, allowance: Allowance, failure: ApiError | None
) -> list[Command[Any]]:
    """What a turn that failed costs."""
    if turn is not None and turn.certain:
        allowance.failure = failure
        return [*allowance.settle(turn.spent)]
    return [*allowance.after(failure, turn.spent if turn else Usage())]


def _instructions(request: TurnRequest) -> dict[str, Any]:
    given = {"system": request.system, "persona": request.persona}
    return {name: value for name, value in given.items() if value is not None}
