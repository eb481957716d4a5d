"""OpenAI's own interface, stateless: reserve, ask, pass on as it comes, settle."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import gevent
import orjson

from proxy.cancellation import Cancellation
from proxy.domain.conversation import Usage
from proxy.domain.identifiers import new_turn_id
from proxy.domain.tokens import estimate_value
from proxy.errors import ApiError, UpstreamBroken, UpstreamTimeout
from proxy.store.live import LiveTurn
from proxy.telemetry import current, logs
from proxy.upstream import completion
from proxy.upstream.assembly import DONE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.allowance import Allowance
    from proxy.domain.plan import Planner
    from proxy.domain.request import Caller, RelayRequest
    from proxy.reservations import Reservations, Running
    from proxy.store.keeper import Keeper
    from proxy.telemetry.current import Current
    from proxy.upstream.answer import Answer
    from proxy.upstream.client import Upstream
    from proxy.upstream.sse import Event
    from proxy.upstream.tally import Tally
    from proxy.workload import Workload


class Relay:
    """Passes requests on to ChatGPT within the limits."""

    def __init__(
        self,
        reservations: Reservations,
        keeper: Keeper,
        upstream: Upstream,
        planner: Planner,
        workload: Workload,
    ) -> None:
        self._reservations = reservations
        self._workload = workload
        self._keeper = keeper
        self._upstream = upstream
        self._planner = planner

    def whole(
        self,
        caller: Caller,
        asked: RelayRequest,
        allowance: Allowance,
        cancellation: Cancellation,
    ) -> bytes:
        """Ask; ChatGPT's answer as it came.

        Raises:
            ApiError: the caller may not, a limit is reached, or ChatGPT did not answer.
            AlreadyAsked: the idempotency key was used before for the same request.
        """
        with (
            self._workload.turn(cancellation, streams=False),
            self._reservations.held(caller, asked, allowance, cancellation) as running,
        ):
            payload = self._payload(caller, asked, {})
            with cancellation.heard():
                raw = self._upstream.post(asked.path, payload, asked.body["model"])
            running.spent = completion.usage_in(raw) or Usage(
                running.prompt, estimate_value(raw.decode("utf-8", "replace")), estimated=True
            )
            running.certain = running.whole = True
            running.answer.append(raw)
            logs.messages(asked.content, raw)
            return raw

    def stream(
        self,
        caller: Caller,
        asked: RelayRequest,
        allowance: Allowance,
        tally: Tally,
        cancellation: Cancellation,
    ) -> Iterator[list[Event]]:
        """Ask for a stream; ChatGPT's events as they come, without those the caller did not want.

        What was generated is charged however it ends: read to its end, left by the caller (close
        the iterator), cancelled while ChatGPT is silent, or broken off.

        Raises:
            ApiError: as in `whole`; after the first event only that the answer broke off.
        """
        with ExitStack() as held:
            held.enter_context(self._workload.turn(cancellation, streams=True))
            running = held.enter_context(
                self._reservations.held(caller, asked, allowance, cancellation)
            )
            with cancellation.heard():
                answer = self._open(held, caller, asked)
            logs.messages(asked.content, None)
            return self._begun(asked, allowance, running, answer, tally, cancellation, held)

    def follow(
        self, caller: Caller, asked: RelayRequest, allowance: Allowance, tally: Tally
    ) -> LiveTurn:
        """As `stream`, for a request whose repeats join it: it goes on when its caller leaves.

        Raises:
            ApiError, AlreadyAsked: as in `whole`.
        """
        cancellation = Cancellation()
        live = LiveTurn(new_turn_id(), caller.owner, "")
        live.cancel = cancellation.ask
        try:
            with ExitStack() as held:
                held.enter_context(self._workload.turn(cancellation, streams=True))
                running = held.enter_context(
                    self._reservations.held(caller, asked, allowance, cancellation, live)
                )
                self._keeper.follow(live)
                with cancellation.heard():
                    answer = self._open(held, caller, asked)
                logs.messages(asked.content, None)
                events = self._begun(asked, allowance, running, answer, tally, cancellation, held)
        except ApiError as error:
            live.fail(error)
            self._keeper.follow(live)
            raise
        gevent.spawn(_produce, live, events, current.get())
        return live

    def models(self) -> bytes:
        """ChatGPT's list of models, as it came."""
        return self._upstream.get("/models")

    def _payload(self, caller: Caller, asked: RelayRequest, forced: dict[str, Any]) -> bytes:
        told = self._planner.identify(caller) if asked.answers else {}
        return orjson.dumps(told | asked.body | forced)

    def _open(self, held: ExitStack, caller: Caller, asked: RelayRequest) -> Answer:
        forced: dict[str, Any] = {}
        if asked.path == "/chat/completions":
            options = asked.body.get("stream_options")
            given = options if isinstance(options, dict) else {}
            forced = {
                "stream_options": self._upstream.streamed["stream_options"]
                | given
                | {"include_usage": True}
            }
        payload = self._payload(caller, asked, forced)
        return held.enter_context(self._upstream.open(asked.path, payload, asked.body["model"]))

    def _begun(self, *parts: Any) -> Iterator[list[Event]]:
        """The events, begun: a generator that was never begun would end without its `finally`."""
        events = self._events(*parts)
        next(events)
        return events

    def _events(
        self,
        asked: RelayRequest,
        allowance: Allowance,
        running: Running,
        answer: Answer,
        tally: Tally,
        cancellation: Cancellation,
        held: ExitStack,
    ) -> Iterator[list[Event]]:
        running.certain = True
        with held.pop_all():
            try:
                yield []
                for passed in _passed(answer, tally, cancellation):
                    if tally.started:
                        allowance.note_first_word()
                    if asked.claim:
                        running.answer += [event.data for event in passed]
                    yield passed
            finally:
                running.spent = tally.usage or Usage(
                    running.prompt, tally.estimate(), estimated=True
                )
            if not tally.whole:
                raise UpstreamBroken("ChatGPT's answer broke off before its end.")
            running.whole = True


def _passed(answer: Answer, tally: Tally, cancellation: Cancellation) -> Iterator[list[Event]]:
    """What the caller gets, as it comes; also what came in one piece with what ends it.

    An answer that breaks off behind its end, where only its usage may be missing, is whole.
    """
    batches = answer.events()
    while True:
        try:
            with cancellation.heard():
                batch = next(batches, None)
        except (UpstreamBroken, UpstreamTimeout):
            if tally.whole:
                return
            raise
        if batch is None:
            return
        passed: list[Event] = []
        failure: ApiError | None = None
        try:
            passed.extend(filter(tally.passes, batch))
        except ApiError as error:
            failure = error
        if passed:
            yield passed
        if failure:
            raise failure


def _produce(live: LiveTurn, events: Iterator[list[Event]], now: Current) -> None:
    """Carry a stream that is followed to its end; whatever happens, an event tells it."""
    current.adopt(now)
    try:
        for batch in events:
            for event in batch:
                live.append("chunk", event.data)
            live.let_keeper_catch_up()
        live.end("chunk", DONE)
    except ApiError as error:
        live.fail(error)
    except Exception as error:  # noqa: BLE001 - the outermost of this greenlet
        logs.defect(error, turn=live.turn_id)
        live.fail(ApiError("Something went wrong here; the turn's id helps to find it."))
