"""The whole life of a turn, in order: claim, open, fit, reserve, ask, commit."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import gevent
import orjson

from proxy.domain.conversation import CANCELLED, INTERRUPTED, Usage
from proxy.domain.tokens import estimate_message
from proxy.errors import ApiError, StoreUnavailable, TurnCancelled
from proxy.producer import listen
from proxy.store import turn_log
from proxy.store.live import LiveTurn
from proxy.telemetry import current, logs, traces

if TYPE_CHECKING:
    from proxy.allowance import Allowance
    from proxy.cancellation import Cancellation
    from proxy.commits import Answered, Commits, Told
    from proxy.domain.request import Caller, TurnRequest
    from proxy.producer import Form
    from proxy.store.connection import Command
    from proxy.store.keeper import Keeper
    from proxy.turns import Running, Turns
    from proxy.upstream.client import Upstream
    from proxy.workload import Workload


class Chat:
    """Turns of conversations with ChatGPT."""

    def __init__(
        self,
        turns: Turns,
        commits: Commits,
        keeper: Keeper,
        upstream: Upstream,
        workload: Workload,
    ) -> None:
        self._turns = turns
        self._commits = commits
        self._workload = workload
        self._keeper = keeper
        self._upstream = upstream

    def turn(
        self,
        caller: Caller,
        request: TurnRequest,
        allowance: Allowance,
        cancellation: Cancellation,
    ) -> Answered:
        """Answer a message in its session, and remember both.

        Args:
            caller: who asks; the session must be theirs.
            request: the message and how it is to be answered.
            allowance: the limits it is counted against.
            cancellation: stops it while it waits for its turn or for ChatGPT.

        Raises:
            ApiError: nothing was stored, and what was taken from the limits is given back, unless
                ChatGPT was reached and may have charged for it.
        """
        with (
            self._workload.turn(cancellation, streams=False),
            self._turns.admitted(caller, request, allowance, cancellation) as turn,
        ):
            if not self._reserve(turn):
                with cancellation.heard():
                    turn.allowance.wait()
            cancellation.begin()
            with cancellation.heard():
                completion = self._upstream.complete(turn.plan.payload)
            return self._commits.commit(
                turn,
                answer=completion.message,
                finish_reason=completion.finish_reason,
                model=completion.model,
                usage=completion.usage,
                raw=completion.raw if request.completion else None,
            )

    def stream(
        self,
        caller: Caller,
        request: TurnRequest,
        allowance: Allowance,
        form: Form,
        cancellation: Cancellation,
    ) -> LiveTurn:
        """Begin to answer a message; its words come as events, and its end is theirs too.

        The turn goes on whether or not anybody listens, until it is stored.

        Args:
            caller: as in `turn`, likewise request and allowance.
            request: what is asked.
            allowance: the limits.
            form: how the events are told.
            cancellation: stops it.

        Raises:
            ApiError: the turn did not begin.
        """
        with ExitStack() as held:
            held.enter_context(self._workload.turn(cancellation, streams=True))
            admitted = self._turns.admitted(caller, request, allowance, cancellation)
            turn = held.enter_context(admitted)
            session_id = turn.opened.session.id
            begin = turn_log.begin(turn.id, caller.owner, session_id, self._keeper.lease_ms)
            live = LiveTurn(turn.id, caller.owner, session_id)
            try:
                reserved = self._reserve(turn, begin)
            except StoreUnavailable as error:
                live.fail(error)  # its log may have begun: who joins it must not wait for a lease
                self._keeper.follow(live)
                raise
            live.dropped = turn.plan.adapted.dropped
            form.start(live, turn.plan.model.name)
            live.cancel = cancellation.ask
            self._keeper.follow(live)
            ended = held.pop_all()
            gevent.spawn(self._produce, turn, live, form, cancellation, ended, reserved=reserved)
        return live

    def _produce(
        self,
        turn: Running,
        live: LiveTurn,
        form: Form,
        cancellation: Cancellation,
        held: ExitStack,
        *,
        reserved: bool,
    ) -> None:
        """Carry a streamed turn to its end; whatever happens, an event tells it."""
        current.adopt(turn.current)
        try:
            with held:
                if not reserved:
                    _wait(turn, live, cancellation)
                cancellation.begin()
                answered = self._listen(turn, live, form, cancellation)
            form.done(live, answered.body)
        except ApiError as error:
            live.fail(error)
        except Exception as error:  # noqa: BLE001 - the outermost of this greenlet
            logs.defect(error, turn=turn.id)
            live.fail(ApiError("Something went wrong here; the turn's id helps to find it."))

    def _listen(
        self, turn: Running, live: LiveTurn, form: Form, cancellation: Cancellation
    ) -> Answered:
        """Pass ChatGPT's words on as they come, then store them; also those of a turn cut off."""
        written, failure = listen(
            self._upstream,
            turn.plan.payload,
            live,
            form,
            cancellation,
            turn.allowance.note_first_word,
        )
        turn.allowance.failure = failure
        finish = written.finish_reason or "stop"
        if failure:
            finish = CANCELLED if isinstance(failure, TurnCancelled) else INTERRUPTED
            if not written.started:
                raise failure
            if turn.opened.replaced:
                estimate = estimate_message(written.message())
                turn.spent = turn.spent._replace(completion_tokens=estimate)
                turn.certain = True
                raise failure
        answered = self._commits.commit(
            turn,
            answer=written.message(),
            finish_reason=finish,
            model=written.model or turn.plan.model.name,
            usage=written.usage,
            raw=form.reply(),
            late=lambda: self._told_late(live, form),
        )
        if failure:
            raise failure
        return answered

    def _told_late(self, live: LiveTurn, form: Form) -> Told:
        """Let the turn go on for those who come back: it ends for them as it is stored."""
        kept = live.fork()
        self._keeper.follow(kept)

        def told(end: bytes | ApiError) -> None:
            if isinstance(end, ApiError):
                kept.fail(end)
            else:
                form.done(kept, end)

        return told

    def _reserve(self, turn: Running, *beside: Command[None]) -> bool:
        """Take the request, its prompt and its answer from every limit; False to wait for it."""
        plan = turn.plan
        answer = turn.allowance.answer_tokens(plan.prompt.tokens, plan.max_tokens, plan.expected)
        turn.spent = Usage(plan.prompt.tokens, estimated=True)
        expected = Usage(plan.prompt.tokens, answer)
        wait_s = turn.request.wait_s
        with traces.begin("reserve"):
            return turn.allowance.reserve(turn.id, plan.model, expected, *beside, wait_s=wait_s)


def _wait(turn: Running, live: LiveTurn, cancellation: Cancellation) -> None:
    """Wait for the turn's turn; its place is told as `queue` events."""

    def tell(position: int, eta_s: float) -> None:
        told = {"position": position, "eta_s": round(eta_s, 1)}
        live.append("queue", orjson.dumps(told))

    with cancellation.heard():
        turn.allowance.wait(tell)
