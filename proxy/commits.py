"""The end of a turn that was answered: stored, settled, unlocked, in one round trip."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from proxy.domain.conversation import text_of, title_from
from proxy.errors import (
    ApiError,
    RecordDamaged,
    SessionBusy,
    SessionNotFound,
    StoreUnavailable,
    TurnsMissing,
)
from proxy.store import idempotency, session_list, sessions
from proxy.store.replication import replicated, told_together
from proxy.telemetry import logs, traces
from proxy.turns import instructions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.domain.conversation import Message, Turn, Usage
    from proxy.domain.plan import Planner
    from proxy.settings import Settings
    from proxy.store.connection import Command, Store
    from proxy.store.keeper import Keeper
    from proxy.turns import Running

Told = Callable[[bytes | ApiError], None]
"""Is told the reply of a turn that is stored late, or why it is not."""
PATIENCE_S = 0.9
"""For how long a commit is tried: a caller is told within 1.1 s that Redis is gone."""
_PAUSE_S = 0.1


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


class Commits:
    """Stores what comes of turns."""

    def __init__(self, store: Store, keeper: Keeper, planner: Planner, settings: Settings) -> None:
        self._store = store
        self._keeper = keeper
        self._planner = planner
        self._replicated = replicated(settings)
        self._together = told_together(settings)

    def commit(
        self,
        turn: Running,
        *,
        answer: Message,
        finish_reason: str,
        model: str,
        usage: Usage | None,
        raw: bytes | None = None,
        late: Callable[[], Told] = lambda: _told_nobody,
    ) -> Answered:
        """Store the turn, settle its limits, unlock the session: one round trip.

        Args:
            turn: which turn.
            answer: ChatGPT's message; likewise finish_reason, model, and usage if it was told.
            finish_reason: why it ended.
            model: who answered.
            usage: what was used.
            raw: what the caller gets, where that is not the reply of POST /chat.
            late: is asked, when the turn will be stored late, who is then to be told.

        Raises:
            SessionNotFound: the session was deleted meanwhile.
            SessionBusy: the lease ran out and somebody else came between.
            StoreUnavailable: it is not known to be stored. With an idempotency key it will be when
                Redis is back, if nobody came between, and its repeats get the answer.
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
        answered = _answered(turn, stored, raw)
        commands = _commands(turn, stored)
        kept = _kept(turn, answered, sure=self._together)
        _tell(turn, stored)
        try:
            with traces.begin("commit"):
                outcome = self._insist([*commands, *kept, *self._replicated])
        except StoreUnavailable:
            if kept:
                turn.owed = True
                end = _LateEnd(turn, answered, late())
                self._keeper.owed.add([*commands, *self._replicated], end)
            raise
        self._refuse_unstored(outcome, turn)
        if not self._together:
            self._keeper.owed.add(_kept(turn, answered))
        return answered

    def _insist(self, commands: list[Command[Any]]) -> str:
        """Run what an answered turn must not be lost for; each of it is safe to run twice."""
        deadline = time.monotonic() + PATIENCE_S
        within_s: float | None = None
        while True:
            try:
                return str(self._store.run_all(*commands, within_s=within_s)[0])
            except StoreUnavailable:
                within_s = deadline - time.monotonic() - _PAUSE_S
                if within_s <= 0:
                    raise
            time.sleep(_PAUSE_S)

    def _refuse_unstored(self, outcome: str, turn: Running) -> None:
        if outcome == "ok":
            return
        self._store.run_all(*_forgotten(turn, outcome))
        raise _unstored(turn, outcome)


@dataclass(frozen=True, slots=True)
class _LateEnd:
    """What becomes of a turn whose caller was told that it may not be stored."""

    turn: Running
    answered: Answered
    told: Told

    def __call__(self, replies: list[Any]) -> Sequence[Command[Any]]:
        """Keep the answer for the repeats of its idempotency key if it is stored now."""
        outcome = str(replies[0]) if replies else "lost"
        if outcome != "ok":
            self.told(_unstored(self.turn, outcome))
            return _forgotten(self.turn, outcome)
        self.told(self.answered.body)
        return _kept(self.turn, self.answered)


def _answered(turn: Running, stored: Turn, raw: bytes | None) -> Answered:
    """What the caller gets of a turn when it is stored."""
    session_id = turn.opened.session.id
    body = raw or orjson.dumps({"session_id": session_id} | stored.as_json())
    return Answered(session_id, stored, turn.plan.adapted.dropped, body)


def _commands(turn: Running, stored: Turn) -> list[Command[Any]]:
    """What stores a turn, settles its limits and lists its session; the turn is the first."""
    session, replaced = turn.opened.session, turn.opened.replaced
    title = session.title or title_from(text_of(stored.question[-1]))
    fields = sessions.changes(instructions(turn.request))
    count = session.turn_count + (0 if replaced else 1)
    return [
        sessions.commit(turn.opened, stored, title, replaced.id if replaced else "", fields),
        *turn.allowance.settle(turn.spent),
        session_list.enlist(session, turn_count=count, title=title, replace=False),
    ]


def _tell(turn: Running, stored: Turn) -> None:
    """Tell the log and the trace of it, as far as they want to know."""
    session_id = turn.opened.session.id
    logs.messages(stored.question, stored.answer, session=session_id, turn=turn.id)
    turn.current.turn.tell(
        {
            "gen_ai.response.model": stored.model,
            "gen_ai.response.finish_reasons": [stored.finish_reason],
            "gen_ai.conversation.id": session_id,
            "chat_proxy.turn.id": turn.id,
        }
    )


def _told_nobody(_: bytes | ApiError) -> None:
    return None


def _kept(turn: Running, answered: Answered, *, sure: bool = True) -> list[Command[Any]]:
    """The answer for the repeats of an idempotency key; one that was cut off is none.

    While it is not sure that the turn is stored, repeats must wait for it as its caller does.
    """
    claim = turn.request.claim
    if claim is None or answered.turn.interrupted:
        return []
    return [idempotency.finish(claim, turn.id, answered.body, sure=sure)]


def _unstored(turn: Running, outcome: str) -> ApiError:
    if outcome == "missing":
        return SessionNotFound(turn.opened.session.id)
    if outcome == "turns_missing":
        return TurnsMissing()
    if outcome == "damaged":
        return RecordDamaged("session")
    return SessionBusy(
        "The session was taken by another turn before this one was answered.",
        param="session_id",
        retry_after=1,
    )


def _forgotten(turn: Running, outcome: str) -> list[Command[Any]]:
    """What undoes the rest of a commit whose turn was not stored."""
    session, claim = turn.opened.session, turn.request.claim
    commands: list[Command[Any]] = [idempotency.forget(claim, turn.id)] if claim else []
    if outcome == "missing":
        commands += session_list.delist(session.owner, session.id)
    return commands
