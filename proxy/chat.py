"""The whole life of a turn, in order: open, fit, reserve, ask, commit."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proxy.domain.conversation import text_of, title_from
from proxy.domain.identifiers import is_session_id, new_session_id, new_turn_id
from proxy.errors import (
    ApiError,
    SessionBusy,
    SessionNotFound,
    StoreUnavailable,
    UpstreamBroken,
    UpstreamTimeout,
)
from proxy.store import session_list, sessions
from proxy.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.domain.conversation import Opened, Turn
    from proxy.domain.personas import Personas
    from proxy.domain.plan import Plan, Planner
    from proxy.domain.request import Caller, TurnRequest
    from proxy.limiter import Allowance
    from proxy.settings import Settings
    from proxy.store.connection import Store
    from proxy.store.leases import Leases
    from proxy.upstream.client import Upstream


@dataclass(frozen=True, slots=True)
class Answered:
    """A turn that is stored; `dropped` are the parameters that were left out."""

    session_id: str
    turn: Turn
    dropped: tuple[str, ...]


@dataclass(slots=True)
class _Spent:
    """What ChatGPT has been asked for so far, for the case that the turn fails.

    Attributes:
        tokens: what to charge if ChatGPT may have worked on it.
        certain: whether it surely did.
    """

    tokens: int = 0
    certain: bool = False


class Chat:
    """Turns of conversations with ChatGPT."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        leases: Leases,
        upstream: Upstream,
        planner: Planner,
        personas: Personas,
    ) -> None:
        self._store = store
        self._leases = leases
        self._upstream = upstream
        self._planner = planner
        self._personas = personas
        self._session_ttl = settings.session_ttl
        self._unborn_ms = int(settings.upstream_total_timeout * 1000) + leases.milliseconds

    def turn(self, caller: Caller, request: TurnRequest, allowance: Allowance) -> Answered:
        """Answer a message in its session, and remember both.

        Args:
            caller: who asks; the session must be theirs.
            request: the message and how it is to be answered.
            allowance: the limits it is counted against.

        Raises:
            ApiError: nothing was stored, and what was taken from the limits is given back, unless
                ChatGPT was reached and may have charged for it.
        """
        turn_id = new_turn_id()
        opened = self._open(caller, request, turn_id)
        with self._held(opened, turn_id, allowance) as spent:
            plan = self._planner.plan(caller, request, opened)
            self._reserve(plan, turn_id, allowance)
            turn = self._ask(plan, turn_id, spent)
            self._commit(opened, request, turn, allowance)
        return Answered(opened.session.id, turn, plan.adapted.dropped)

    def _open(self, caller: Caller, request: TurnRequest, turn_id: str) -> Opened:
        """Lock the session, or a new one, and read its newest turns."""
        if request.persona:
            self._personas.check(request.persona)
        lease = self._leases.milliseconds
        named_window = self._planner.window(request.model) if request.model else None
        if request.session_id is None:
            settings = _instructions(request) | {"ttl": self._session_ttl, "title": ""}
            if request.model:
                settings["model"] = request.model
            fields = sessions.changes(settings, named_window)
            begin = sessions.begin(
                new_session_id(), caller.owner, fields, turn_id, lease, self._unborn_ms
            )
            return self._store.run(begin)
        if not is_session_id(request.session_id):
            raise SessionNotFound(request.session_id)
        return self._store.run(
            sessions.open_turn(
                request.session_id,
                caller.owner,
                turn_id,
                lease,
                window=self._planner.window(None),
                named_window=named_window,
                anew=request.anew,
            )
        )

    @contextmanager
    def _held(self, opened: Opened, turn_id: str, allowance: Allowance) -> Iterator[_Spent]:
        """Hold the session; on failure unlock it and give back what was taken from the limits."""
        spent = _Spent()
        failure: ApiError | None = None
        whole = False
        try:
            with self._leases.held(opened.session.id, turn_id):
                yield spent
            whole = True
        except ApiError as error:
            failure = error
            raise
        finally:
            if not whole:
                charged = spent.certain or isinstance(failure, UpstreamTimeout | UpstreamBroken)
                back = allowance.settle(spent.tokens) if charged else allowance.release()
                self._give_up(opened, turn_id, back)

    def _give_up(self, opened: Opened, turn_id: str, back: list[Any]) -> None:
        try:
            self._store.run_all(sessions.release(opened.session.id, turn_id), *back)
        except StoreUnavailable as error:
            logs.problem("release", error, turn=turn_id)

    def _reserve(self, plan: Plan, turn_id: str, allowance: Allowance) -> None:
        """Take the request, its prompt and its answer from every bucket, or from none."""
        prompt = plan.prompt.tokens
        answer = allowance.answer_tokens(prompt, plan.max_tokens, plan.expected)
        allowance.reserve(turn_id, prompt + answer)

    def _ask(self, plan: Plan, turn_id: str, spent: _Spent) -> Turn:
        """Ask ChatGPT; the turn that its answer makes."""
        spent.tokens = plan.prompt.tokens
        completion = self._upstream.complete(plan.payload)
        turn = self._planner.turn(
            turn_id,
            plan,
            answer=completion.message,
            finish_reason=completion.finish_reason,
            model=completion.model,
            usage=completion.usage,
            created_at=time.time_ns() // 1_000_000,
        )
        spent.tokens, spent.certain = turn.usage.total_tokens, True
        return turn

    def _commit(
        self, opened: Opened, request: TurnRequest, turn: Turn, allowance: Allowance
    ) -> None:
        """Store the turn, settle its limits, unlock the session: one round trip."""
        session, replaced = opened.session, opened.replaced
        title = session.title or title_from(text_of(turn.question[-1]))
        fields = sessions.changes(_instructions(request))
        count = session.turn_count + (0 if replaced else 1)
        outcome, *_ = self._store.run_all(
            sessions.commit(opened, turn, title, replaced.id if replaced else "", fields),
            *allowance.settle(turn.usage.total_tokens),
            session_list.enlist(session, turn_count=count, title=title, replace=False),
        )
        if outcome == "missing":
            self._store.run_all(*session_list.delist(session.owner, session.id))
            raise SessionNotFound(session.id)
        if outcome == "lost":
            raise SessionBusy(
                "The session was taken by another turn before this one was answered.",
                param="session_id",
                retry_after=1,
            )


def _instructions(request: TurnRequest) -> dict[str, Any]:
    given = {"system": request.system, "persona": request.persona}
    return {name: value for name, value in given.items() if value is not None}
