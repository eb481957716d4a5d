"""One conversation as the person at the terminal holds it: its session and what is sent along."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from proxy.cli.refusals import ServiceError
from proxy.cli.streams import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.cli.client import Json, ProxyClient
    from proxy.cli.screen import Screen
    from proxy.cli.streams import TurnStream

MOST_WAITS = 5
"""How often one turn is tried again after the wait that the service asked for."""


@dataclass(slots=True)
class Conversation:
    """Sends turns to the service and keeps the session's id; waits when the service asks for it.

    Attributes:
        session_id: None until the first answer.
        system: instructions for the session, and for the next ones begun here; as is persona.
        model: sent with each turn; None leaves it to the session.
        parameters: sampling parameters, sent with each turn.
    """

    client: ProxyClient
    screen: Screen
    session_id: str | None = None
    system: str | None = None
    persona: str | None = None
    model: str | None = None
    parameters: Json = field(default_factory=dict)
    _instructed: bool = False

    def send(self, message: str) -> Json:
        """Send a message, show the answer as it comes, and give the reply.

        Raises:
            ServiceError: the service refused, also after the waits it asked for.
            Stopped: Ctrl-C; the message says what became of the turn.
        """
        payload = {"message": message, "session_id": self.session_id, **self._options()}
        if not self._instructed:
            payload |= {"system": self.system, "persona": self.persona}
        return self._patiently(lambda: self.client.stream_chat(_given(payload)))

    def regenerate(self) -> Json:
        """Have the last turn answered anew; otherwise as `send`.

        Raises:
            click.UsageError: nothing was said yet.
        """
        session_id = self.begun()
        payload = _given(self._options())
        return self._patiently(lambda: self.client.stream_regeneration(session_id, payload))

    def begin_anew(self) -> None:
        """Leave the session; the next message begins another with the same instructions."""
        self.session_id = None
        self._instructed = False

    def resume(self, session_id: str) -> Json:
        """Go on with a session, and give it.

        Raises:
            ServiceError: there is no such session.
        """
        session = self.client.session(session_id)
        self.session_id = session["id"]
        return session

    def switch(self, session_id: str) -> Json:
        """Go on with another session, by its own model and instructions, and give it.

        Raises:
            ServiceError: there is no such session.
        """
        session = self.resume(session_id)
        self.model = None
        self._instructed = True
        return session

    def instruct(self, system: str | None) -> None:
        """Set the instructions, of the session that is open too.

        Raises:
            ServiceError: the service refused.
        """
        if self.session_id is not None:
            self.client.change_session(self.session_id, {"system": system})
        self.system = system

    def begun(self) -> str:
        """The session's id.

        Raises:
            click.UsageError: nothing was said yet.
        """
        if self.session_id is None:
            raise click.UsageError("This conversation has not begun: say something first.")
        return self.session_id

    def _options(self) -> Json:
        return {"model": self.model, **self.parameters}

    def _patiently(self, ask: Callable[[], TurnStream]) -> Json:
        for _ in range(MOST_WAITS):
            try:
                return self._follow(ask())
            except ServiceError as error:
                if error.wait is None:
                    raise
                refusal, wait = error.message, error.wait
            self.screen.wait(wait, refusal)
        return self._follow(ask())

    def _follow(self, turn: TurnStream) -> Json:
        try:
            with self.screen.answer() as answer:
                reply = turn.write_to(answer)
        except ServiceError:
            self._adopt(turn)
            raise
        except Stopped:
            kept = self._adopt(turn)
            raise Stopped(
                "Stopped; what was written is kept." if kept else "Stopped; nothing of it is kept."
            ) from None
        self._go_on_with(turn)
        return reply

    def _adopt(self, turn: TurnStream) -> bool:
        """Whether a turn that was cut off is stored; the session that it began is ours then."""
        kept = bool(turn.session_id) and self.client.holds(turn.session_id, turn.turn_id)
        if kept:
            self._go_on_with(turn)
        return kept

    def _go_on_with(self, turn: TurnStream) -> None:
        self.session_id = turn.session_id
        self._instructed = True


def _given(payload: Json) -> Json:
    return {name: value for name, value in payload.items() if value is not None}
