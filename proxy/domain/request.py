"""Who asks, and for what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from proxy.domain.conversation import Message
    from proxy.domain.limits import Bucket, Room


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        key_id: the client key's id, or ``open`` where no key is asked for.
        owner: whose sessions are the caller's.
        buckets: the limits of the caller and its team.
        models: the models it may use; empty for all.
        team: the key's team; empty for none.
        user: the browser user that the key vouches for; empty for none.
        rooms: where the caller waits for what it shares, from the innermost to the outermost.
        weight: its team's, among all teams.
    """

    key_id: str
    owner: str
    buckets: tuple[Bucket, ...] = ()
    models: tuple[str, ...] = ()
    team: str = ""
    user: str = ""
    rooms: tuple[Room, ...] = ()
    weight: int = 1

    @property
    def flow(self) -> str:
        """Who competes for what all callers share: the team, or a key that has none."""
        return f"team:{self.team}" if self.team else f"key:{self.key_id}"


@dataclass(frozen=True, slots=True)
class Claim:
    """An Idempotency-Key as its owner sent it, and the fingerprint of the request it came with."""

    owner: str
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """What a turn is asked for; None or empty where the session or the service decides.

    Attributes:
        session_id: the session to go on with; None begins a new one.
        tool_results: messages of role ``tool``, answers to the last turn's tool calls.
        parameters: by their names in POST /chat.
        drop_params: leave out what the model would refuse.
        anew: answer the session's newest turn anew; there is no message then.
        claim: the idempotency key it came with, if it did.
        completion: a whole chat completion request in OpenAI's form; its messages are the question,
            the rest is sent as it is.
        wait_s: how long it will wait for its turn in place of being refused.
    """

    message: str | None = None
    session_id: str | None = None
    system: str | None = None
    persona: str | None = None
    model: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    tool_results: list[Message] = field(default_factory=list)
    drop_params: bool = False
    anew: bool = False
    claim: Claim | None = None
    completion: dict[str, Any] | None = None
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class RelayRequest:
    """A request in OpenAI's form.

    Attributes:
        path: below the upstream's base URL.
        body: as the caller sent it.
        answers: whether it generates text that counts against the limits.
        claim: the idempotency key it came with, if it did.
        wait_s: how long it will wait for its turn in place of being refused.
    """

    path: str
    body: dict[str, Any]
    answers: bool = True
    claim: Claim | None = None
    wait_s: float = 0.0

    @property
    def content(self) -> list[Any]:
        """The parts that are the prompt."""
        return [self.body.get(name) for name in ("messages", "instructions", "input", "tools")]
