"""What the simulated ChatGPT was told to answer: queued replies, and defaults for all of them."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

CHAT = "/v1/chat/completions"

FaultName = Literal[
    "close_delimited",
    "comments",
    "crlf",
    "cut_body",
    "cut_stream",
    "drip",
    "endless_stream",
    "enormous_line",
    "error_event",
    "gzip_bomb",
    "invalid_utf8",
    "malformed_event",
    "malformed_json",
    "no_done",
    "no_status_line",
    "raw",
    "redirect",
    "silence",
    "wrong_content_length",
]


class ScriptedCall(BaseModel):
    """A tool call in a scripted reply.

    Attributes:
        name: the function's name.
        arguments: its arguments, or a string that is sent in their place as it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    arguments: dict[str, Any] | str = {}


class Reply(BaseModel):
    """How to answer one request; what is not said is answered as by default.

    Attributes:
        path: requests to this path take the reply.
        text: the answer's words.
        total_chars: words of this many characters in place of `text`.
        tool_calls: tool calls in place of words.
        finish_reason: in place of the true one.
        usage: in place of the estimate; null for none.
        status: the HTTP status; other than 200 the answer is an error.
        error: parts of the error object, over the usual ones of that status.
        body: the whole body, as it is.
        headers: headers to add, or to leave out where null.
        delay_s: seconds before the first byte.
        first_token_delay_s: seconds between a stream's first event and its second.
        chunk_size: characters in an event of a stream.
        chunks_per_s: events a second (bytes, for `drip` and `raw`); null for as fast as they go.
        fault: what goes wrong.
        after: how much goes well before that: bytes or events, as the fault says.
        size: bytes, for faults that are about bigness.
        raw: for the fault of that name: what is sent, a character a byte.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = CHAT
    text: str | None = None
    total_chars: int | None = Field(None, ge=0)
    tool_calls: list[ScriptedCall] = []
    finish_reason: str | None = None
    usage: dict[str, Any] | Literal["estimated"] | None = "estimated"
    status: int = Field(200, ge=200, le=599)
    error: dict[str, Any] = {}
    body: str | None = None
    headers: dict[str, str | None] = {}
    delay_s: float = Field(0, ge=0)
    first_token_delay_s: float = Field(0, ge=0)
    chunk_size: int = Field(4, ge=1)
    chunks_per_s: Annotated[float, Field(gt=0)] | None = None
    fault: FaultName | None = None
    after: int | None = Field(None, ge=0)
    size: int = Field(100_000_000, ge=0)
    raw: str = ""

    @property
    def interval_s(self) -> float:
        """Seconds between two events."""
        return 1 / self.chunks_per_s if self.chunks_per_s else 0.0


class Script:
    """Replies for requests to come: those queued, each once and in order, then the default."""

    def __init__(self) -> None:
        self._options: dict[str, Any] = {}
        self._default = Reply()
        self._queues: defaultdict[str, deque[Reply]] = defaultdict(deque)

    def set_defaults(self, options: dict[str, Any]) -> None:
        """Let these options of `Reply` hold for every reply that does not say otherwise.

        Raises:
            pydantic.ValidationError: an option is unknown or has a wrong value.
        """
        self._default = Reply.model_validate(options)
        self._options = options

    def queue(self, replies: list[dict[str, Any]]) -> None:
        """Add replies, all or, when one is wrong, none; the defaults of now fill their gaps.

        Raises:
            pydantic.ValidationError: an option is unknown or has a wrong value.
        """
        for reply in [Reply.model_validate(self._options | options) for options in replies]:
            self._queues[reply.path].append(reply)

    def take(self, path: str) -> Reply:
        """The next reply for a request to this path."""
        queue = self._queues.get(path)
        return queue.popleft() if queue else self._default
