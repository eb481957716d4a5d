"""What a turn will send, decided from the request, the session and the service's settings."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proxy.domain import context
from proxy.domain.conversation import Turn, Usage
from proxy.domain.parameters import Adapted, adapt
from proxy.domain.tokens import PER_MESSAGE, Calibration, estimate_message
from proxy.errors import InvalidRequest, ModelNotAllowed

if TYPE_CHECKING:
    from proxy.domain.catalog import Catalog, Model
    from proxy.domain.context import Prompt
    from proxy.domain.conversation import Message, Opened, Session
    from proxy.domain.personas import Personas
    from proxy.domain.request import Caller, TurnRequest
    from proxy.settings import Settings

INSTRUCTING = ("system", "developer")
"""The roles of instructions."""
_UNCOUNTED = {"tools", "response_format"}
"""Fields of a payload that add prompt tokens no estimate counts: beside them nothing is learned."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a turn is about to send.

    Attributes:
        max_tokens: the answer's length if the caller set one.
        expected: how long the answer is likely to be, in tokens.
    """

    model: Model
    question: list[Message]
    prompt: Prompt
    adapted: Adapted
    payload: dict[str, Any]
    max_tokens: int | None
    expected: int


class Planner:
    """Plans turns, and learns from what they used."""

    def __init__(self, settings: Settings, catalog: Catalog, personas: Personas) -> None:
        self._settings = settings
        self._catalog = catalog
        self._personas = personas
        self._calibration = Calibration()

    def window(self, model_name: str | None, max_tokens: int | None = None) -> int:
        """Tokens that a prompt may take; for the service's default model when None is named."""
        model = self._catalog.find(model_name or self._settings.default_model)
        return context.window(model, max_tokens, self._settings.context_max_tokens)

    def plan(
        self, caller: Caller, request: TurnRequest, opened: Opened, most_tokens: int | None
    ) -> Plan:
        """Decide the model, its parameters, and what of the history is sent.

        Args:
            caller: who asks.
            request: for what.
            opened: the session and its newest turns.
            most_tokens: what the smallest token bucket holds; None where nothing limits tokens.

        Raises:
            ModelNotAllowed: the caller's key may not use the model.
            InvalidRequest: the model refuses a parameter, tool results are missing or too many,
                or the message can never fit.
        """
        session = opened.session
        named = request.model or session.model or self._settings.default_model
        model = self.model(caller, named)
        max_tokens, adapted = self._parameters(request, session, model)
        question = _question(request, opened)
        persona = session.persona if request.persona is None else request.persona
        system = session.system if request.system is None else request.system
        expected = self._calibration.answer(model.name)
        prompt = context.fit(
            self._personas.system(persona, system),
            opened.turns,
            session.turn_count - (opened.replaced is not None),
            question,
            model=model,
            room=self.window(model.name, max_tokens),
            history_room=_history_room(most_tokens, max_tokens or expected),
            calibration=self._calibration,
        )
        sent = {"model": named, "messages": prompt.messages}
        payload = adapted.payload | sent | self.identify(caller, session.id)
        return Plan(model, question, prompt, adapted, payload, max_tokens, expected)

    def turn(  # the parts of ChatGPT's answer, each as it came
        self,
        turn_id: str,
        plan: Plan,
        *,
        answer: Message,
        finish_reason: str,
        model: str,
        usage: Usage | None,
        created_at: int,
    ) -> Turn:
        """The turn to store; learns from the usage that was reported, estimates it otherwise."""
        prompt = plan.prompt
        used = usage or Usage(prompt.tokens, estimate_message(answer), estimated=True)
        if usage:
            uncounted = plan.payload.keys() & _UNCOUNTED
            self._calibration.observe(
                plan.model.name,
                estimated=0 if uncounted else prompt.raw_estimate,
                reported=usage.prompt_tokens - prompt.known_tokens,
                answer=usage.completion_tokens,
            )
        spoken = used.completion_tokens - used.reasoning_tokens
        return Turn(
            id=turn_id,
            question=plan.question,
            answer=answer,
            model=model,
            finish_reason=finish_reason,
            usage=used,
            cost_usd=plan.model.cost(used),
            tokens=prompt.question_tokens + spoken + PER_MESSAGE,
            turns_sent=prompt.turns_sent,
            turns_left_out=prompt.turns_left_out,
            created_at=created_at,
        )

    def model(self, caller: Caller, named: str | None) -> Model:
        """The model of a request; the service's default when None is named.

        Raises:
            ModelNotAllowed: the caller's key may not use it.
        """
        name = named or self._settings.default_model
        if caller.models and name not in caller.models:
            raise ModelNotAllowed(
                f"This client key may not use {name!r}; it may use {', '.join(caller.models)}.",
                param="model",
            )
        return self._catalog.find(name)

    def identify(self, caller: Caller, session_id: str | None = None) -> dict[str, str]:
        """What OpenAI asks of those who share a key: a pseudonym for each caller and session."""
        if self._settings.upstream_profile != "openai":
            return {}
        told = {"safety_identifier": _pseudonym(caller.owner)}
        return told | ({"prompt_cache_key": _pseudonym(session_id)} if session_id else {})

    def expected_answer(self, model: Model) -> int:
        """How long an answer of this model is likely to be, in tokens."""
        return self._calibration.answer(model.name)

    def _parameters(
        self, request: TurnRequest, session: Session, model: Model
    ) -> tuple[int | None, Adapted]:
        """The answer's length if it was set, and the parameters as the upstream takes them."""
        if request.completion is not None:
            return longest_answer(request.completion), Adapted(request.completion, ())
        parameters = session.parameters | request.parameters
        adapted = adapt(
            parameters, model, self._settings.upstream_profile, drop=request.drop_params
        )
        return parameters.get("max_tokens"), adapted


def longest_answer(completion: dict[str, Any]) -> int | None:
    """The most tokens that a request in OpenAI's form asks for; None if it leaves that open."""
    for name in ("max_completion_tokens", "max_tokens", "max_output_tokens"):
        most = completion.get(name)
        if isinstance(most, int) and most > 0:
            return most
    return None


def _question(request: TurnRequest, opened: Opened) -> list[Message]:
    """The new messages: the results of the tools last asked for, then the user's message.

    Raises:
        InvalidRequest: results are missing, or nobody asked for them.
    """
    if opened.replaced:
        return opened.replaced.question
    if request.completion is not None:
        return [m for m in request.completion["messages"] if m["role"] not in INSTRUCTING]
    asked = [call["id"] for call in opened.turns[-1].tool_calls] if opened.turns else []
    given = [result["tool_call_id"] for result in request.tool_results]
    if sorted(asked) != sorted(given):
        raise InvalidRequest(
            f"'tool_results' must answer each tool call of the last turn once: {asked or 'none'}.",
            param="tool_results",
        )
    said = [{"role": "user", "content": request.message}] if request.message else []
    return [*request.tool_results, *said]


def _history_room(most_tokens: int | None, answer: int) -> int | None:
    """Tokens for prompt and history, such that an answer fits the bucket beside them."""
    return None if most_tokens is None else max(1, most_tokens - answer)


def _pseudonym(name: str) -> str:
    """What OpenAI is told in place of a name, as it asks for safety_identifier."""
    return hashlib.sha256(f"chat-proxy:{name}".encode()).hexdigest()[:32]
