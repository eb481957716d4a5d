"""What a stateless request takes of the limits: reserved before ChatGPT is asked, settled after."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from proxy.domain.conversation import Usage
from proxy.domain.identifiers import new_turn_id
from proxy.domain.plan import longest_answer
from proxy.domain.tokens import estimate_value
from proxy.errors import ApiError, StoreUnavailable
from proxy.store import idempotency, turn_log
from proxy.telemetry import traces
from proxy.upstream.tally import choices

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.allowance import Allowance
    from proxy.cancellation import Cancellation
    from proxy.domain.catalog import Model
    from proxy.domain.plan import Planner
    from proxy.domain.request import Caller, Claim, RelayRequest
    from proxy.store.connection import Command, Store
    from proxy.store.keeper import Keeper
    from proxy.store.live import LiveTurn
    from proxy.store.uncounted import Uncounted


@dataclass(slots=True)
class Running:
    """A request that ChatGPT works on.

    Attributes:
        id: names its reservation, and its log if it has one.
        prompt: its tokens, estimated.
        spent: what to charge.
        certain: whether ChatGPT surely worked on it.
        whole: whether it was answered to the end.
        answer: what came; gathered for the repeats of an idempotency key alone.
    """

    id: str
    prompt: int
    spent: Usage
    certain: bool = False
    whole: bool = False
    answer: list[bytes] = field(default_factory=list)


class Reservations:
    """Holds what requests took from the limits, for as long as they run."""

    def __init__(
        self, store: Store, keeper: Keeper, planner: Planner, uncounted: Uncounted
    ) -> None:
        self._store = store
        self._keeper = keeper
        self._planner = planner
        self._uncounted = uncounted

    @contextmanager
    def held(
        self,
        caller: Caller,
        asked: RelayRequest,
        allowance: Allowance,
        cancellation: Cancellation,
        live: LiveTurn | None = None,
    ) -> Iterator[Running]:
        """Take from the limits what the request may cost; afterwards charge what it did.

        Args:
            caller: whose limits they are, with those that all share.
            asked: what it asks for.
            allowance: its limits.
            cancellation: ends it while it waits for its turn.
            live: the stream that the repeats of its idempotency key join.

        Raises:
            ApiError: the caller may not, or a limit is reached.
            AlreadyAsked: the idempotency key was used before for the same request.
        """
        model = self._planner.model(caller, asked.body["model"])
        expected = self._expected(model, asked, allowance)
        prompt = Usage(expected.prompt_tokens, estimated=True)
        turn_id = live.turn_id if live else new_turn_id()
        running = Running(turn_id, prompt.prompt_tokens, prompt)
        lease = self._keeper.lease_ms
        beside: list[Command[None]] = []
        renewals = partial(self._renewals, running.id, asked.claim, allowance)
        if asked.claim:
            beside.append(idempotency.claim(asked.claim, running.id, lease))
        if live:
            beside.append(turn_log.begin(running.id, caller.owner, "", lease))
        failure: ApiError | None = None
        try:
            with self._keeper.held(running.id, renewals):
                with traces.begin("reserve"):
                    reserved = allowance.reserve(
                        running.id,
                        model,
                        expected,
                        *beside,
                        wait_s=asked.wait_s,
                        stateless=asked.claim is None,
                    )
                if not reserved:
                    with cancellation.heard():
                        allowance.wait()
                yield running
        except ApiError as error:
            failure = error
            raise
        finally:
            allowance.failure = failure
            worked = running.certain
            back = allowance.settle(running.spent) if worked else allowance.after(failure, prompt)
            self._settle(running, asked.claim, back)
            if allowance.degraded:
                self._uncounted.owe(self._keeper.owed)

    def _renewals(
        self, request_id: str, claim: Claim | None, allowance: Allowance
    ) -> Iterator[Command[None]]:
        """What keeps the reservation and the idempotency key while the request runs."""
        yield allowance.renewal(request_id)
        if claim:
            yield idempotency.renew(claim, request_id, self._keeper.lease_ms)

    def _expected(self, model: Model, asked: RelayRequest, allowance: Allowance) -> Usage:
        """Tokens of the prompt, and of as many answers as are asked for."""
        prompt = estimate_value(asked.content)
        if not asked.answers:
            return Usage(prompt, allowance.answer_tokens(prompt, 0, 0))
        many = choices(asked.body)
        longest = longest_answer(asked.body)
        most = None if longest is None else longest * many
        expected = self._planner.expected_answer(model) * many
        return Usage(prompt, allowance.answer_tokens(prompt, most, expected))

    def _settle(self, running: Running, claim: Claim | None, commands: list[Command[Any]]) -> None:
        ended: list[Command[None]] = []
        if claim and running.whole:
            ended.append(idempotency.finish(claim, running.id, b"\n".join(running.answer)))
        elif claim:
            ended.append(idempotency.drop(claim, running.id))
        if not commands and not ended:
            return
        try:
            with traces.begin("settle"):
                self._store.run_all(*commands, *ended)
        except StoreUnavailable:
            self._keeper.owed.add([*commands, *ended])
