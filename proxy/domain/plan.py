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
    from proxy.domain.conversation import Message, Opened
    from proxy.domain.personas import Personas
    from proxy.domain.request import Caller, TurnRequest
    from proxy.settings import Settings

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

    def plan(self, caller: Caller, request: TurnRequest, opened: Opened) -> Plan:
        """Decide the model, its parameters, and what of the history is sent.

        Raises:
            ModelNotAllowed: the caller's key may not use the model.
            InvalidRequest: the model refuses a parameter, tool results are missing or too many,
                or the message can never fit.
        """
        session = opened.session
        model = self._model(caller, request.model or session.model)
        parameters = session.parameters | request.parameters
        max_tokens = parameters.get("max_tokens")
        profile = self._settings.upstream_profile
        adapted = adapt(parameters, model, profile, drop=request.drop_params)
        question = _question(request, opened)
        persona = session.persona if request.persona is None else request.persona
        system = session.system if request.system is None else request.system
        prompt = context.fit(
            self._personas.system(persona, system),
            opened.turns,
            session.turn_count - (opened.replaced is not None),
            question,
            model=model,
            room=self.window(model.name, max_tokens),
            calibration=self._calibration,
        )
        payload = {"model": model.name, "messages": prompt.messages, **adapted.payload}
        if profile == "openai":
            payload["safety_identifier"] = _pseudonym(caller.owner)
            payload["prompt_cache_key"] = _pseudonym(session.id)
        expected = self._calibration.answer(model.name)
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

    def _model(self, caller: Caller, named: str | None) -> Model:
        name = named or self._settings.default_model
        if caller.models and name not in caller.models:
            raise ModelNotAllowed(
                f"This client key may not use {name!r}; it may use {', '.join(caller.models)}.",
                param="model",
            )
        return self._catalog.find(name)


def _question(request: TurnRequest, opened: Opened) -> list[Message]:
    """The new messages: the results of the tools last asked for, then the user's message.

    Raises:
        InvalidRequest: results are missing, or nobody asked for them.
    """
    if opened.replaced:
        return opened.replaced.question
    asked = [call["id"] for call in opened.turns[-1].tool_calls] if opened.turns else []
    given = [result["tool_call_id"] for result in request.tool_results]
    if sorted(asked) != sorted(given):
        raise InvalidRequest(
            f"'tool_results' must answer each tool call of the last turn once: {asked or 'none'}.",
            param="tool_results",
        )
    said = [{"role": "user", "content": request.message}] if request.message else []
    return [*request.tool_results, *said]


def _pseudonym(name: str) -> str:
    """What OpenAI is told in place of a name, as it asks for safety_identifier."""
    return hashlib.sha256(f"chat-proxy:{name}".encode()).hexdigest()[:32]
