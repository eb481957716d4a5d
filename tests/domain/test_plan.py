"""What a turn will send, and what is learned from it."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.domain.catalog import Catalog
from proxy.domain.conversation import Opened, Session, Turn, Usage
from proxy.domain.personas import Personas
from proxy.domain.plan import Plan, Planner
from proxy.domain.request import Caller, TurnRequest
from proxy.errors import ContextLengthExceeded, InvalidRequest, ModelNotAllowed
from proxy.settings import load
from tests.domain.samples import turn

ANYBODY = Caller("k", "key:k")
SESSION = Session("s_1", "key:k", system="Be kind.", turn_count=1)
HELLO = TurnRequest(message="Hello")
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "42"}
TABLE = {
    "models": {
        "gpt-9": {"context": 10_000, "max_output": 1_000},
        "gpt-8": {"input": 1, "cached": 1, "output": 1, "max_output": 1_000},
    },
    "families": [{"match": "gpt-*"}],
}


def planner(**settings: str) -> Planner:
    given = {"REDIS_URL": "redis://x", "OPENAI_API_KEY": "sk-x", "PROXY_DEFAULT_MODEL": "gpt-9"}
    personas = Personas({"pirate": {"perspective": "You are a pirate."}})
    return Planner(load(given | settings), Catalog(TABLE), personas)


def planned(
    request: TurnRequest = HELLO,
    session: Session = SESSION,
    turns: tuple[Turn, ...] = (),
    **settings: str,
) -> Plan:
    return planner(**settings).plan(ANYBODY, request, Opened(session, list(turns), fence=1), None)


def test_the_service_s_model_answers_where_none_is_named() -> None:
    session = Session("s_1", "key:k", model="gpt-8")
    assert planned().payload["model"] == "gpt-9"
    assert planned(session=session).payload["model"] == "gpt-8"
    assert planned(TurnRequest("Hi", model="gpt-7"), session).payload["model"] == "gpt-7"


def test_a_dated_model_is_asked_by_its_date_and_known_without_it() -> None:
    plan = planned(TurnRequest("Hi", model="gpt-9-2026-05-01"))
    assert (plan.payload["model"], plan.model.name) == ("gpt-9-2026-05-01", "gpt-9")


def test_a_turn_s_own_parameters_win_over_the_session_s() -> None:
    session = Session("s_1", "key:k", parameters={"temperature": 1, "seed": 5})
    payload = planned(TurnRequest("Hi", parameters={"temperature": 0.2}), session).payload
    assert (payload["temperature"], payload["seed"]) == (0.2, 5)


@pytest.mark.parametrize(
    ("request_fields", "system"),
    [
        ({}, "Be kind."),
        ({"system": "Be rude."}, "Be rude."),
        ({"persona": "pirate"}, "You are a pirate.\n\nBe kind."),
        ({"persona": "pirate", "system": "Be rude."}, "You are a pirate.\n\nBe rude."),
    ],
)
def test_instructions_are_the_persona_s_and_the_newest_given(
    request_fields: dict[str, Any], system: str
) -> None:
    sent = planned(TurnRequest("Hi", **request_fields)).payload["messages"]
    assert sent[0] == {"role": "system", "content": system}


def test_openai_is_told_who_asks_and_which_session_by_pseudonyms_that_stay() -> None:
    first, again = planned().payload, planned().payload
    assert first["safety_identifier"] == again["safety_identifier"]
    assert len({first["safety_identifier"], first["prompt_cache_key"], "key:k", "s_1"}) == 4


def test_a_compatible_upstream_is_told_nothing_of_who_asks() -> None:
    payload = planned(PROXY_UPSTREAM_PROFILE="compatible").payload
    assert payload.keys() == {"model", "messages"}


def test_a_key_s_models_are_the_only_ones_it_may_use() -> None:
    bound = Caller("k", "key:k", models=("gpt-8",))
    with pytest.raises(ModelNotAllowed, match="may use gpt-8") as refusal:
        planner().plan(bound, HELLO, Opened(SESSION, [], fence=1), None)
    assert refusal.value.param == "model"


@pytest.mark.parametrize("results", [[], [RESULT, RESULT], [RESULT | {"tool_call_id": "call_2"}]])
def test_tool_results_answer_each_call_of_the_last_turn_once(results: list[dict[str, Any]]) -> None:
    with pytest.raises(InvalidRequest, match="call_1") as refusal:
        planned(TurnRequest("Hi", tool_results=results), turns=(turn(calls=True),))
    assert refusal.value.param == "tool_results"


def test_tool_results_go_before_the_message() -> None:
    plan = planned(TurnRequest("And?", tool_results=[RESULT]), turns=(turn(calls=True),))
    assert plan.question == [RESULT, {"role": "user", "content": "And?"}]


def test_a_turn_that_is_answered_anew_keeps_its_question() -> None:
    opened = Opened(SESSION, [], fence=1, replaced=turn(7))
    plan = planner().plan(ANYBODY, TurnRequest(anew=True), opened, None)
    assert plan.payload["messages"][-1] == {"role": "user", "content": "question 7"}
    assert plan.prompt.turns_left_out == 0


def test_the_window_is_the_model_s_less_the_answer_s_room() -> None:
    assert planner().window(None) == int(9_000 * 0.98)
    assert planner().window("gpt-9", 100) == int(9_900 * 0.98)
    assert planner(PROXY_CONTEXT_MAX_TOKENS="500").window("gpt-8") == 500


def test_a_message_beyond_the_window_is_refused() -> None:
    with pytest.raises(ContextLengthExceeded):
        planned(TurnRequest("word " * 10_000))


def answered(by: Planner, request: TurnRequest = HELLO, usage: Usage | None = None) -> Turn:
    plan = by.plan(ANYBODY, request, Opened(SESSION, [], fence=1), None)
    return by.turn(
        "t_1",
        plan,
        answer={"role": "assistant", "content": "abcdefgh"},
        finish_reason="stop",
        model="gpt-8-2027-01-01",
        usage=usage,
        created_at=5,
    )


def test_a_usage_that_is_not_reported_is_estimated() -> None:
    usage = answered(planner()).usage
    assert (usage.estimated, usage.prompt_tokens, usage.completion_tokens) == (True, 15, 6)


def test_a_turn_takes_its_question_and_what_was_said_of_its_answer() -> None:
    usage = Usage(15, 50, reasoning_tokens=40)
    assert answered(planner(), usage=usage).tokens == 6 + 10 + 4


def test_a_turn_costs_by_the_model_that_was_asked_for() -> None:
    request = TurnRequest("Hi", model="gpt-8")
    assert answered(planner(), request, Usage(1_000, 1_000)).cost_usd == 0.002
    assert answered(planner(), HELLO, Usage(1_000, 1_000)).cost_usd is None


def test_estimates_learn_from_what_is_reported() -> None:
    by = planner()
    answered(by, usage=Usage(60, 5))
    before, after = planned(), by.plan(ANYBODY, HELLO, Opened(SESSION, [], fence=1), None)
    assert 0 <= after.prompt.tokens - before.prompt.tokens * 1.375 < 2  # each part is rounded up


@pytest.mark.parametrize("field", ["tools", "response_format"])
def test_nothing_is_learned_from_prompts_with_parts_that_are_not_estimated(field: str) -> None:
    by = planner()
    parameters = {"tools": [{"type": "function"}]} if field == "tools" else {field: {"type": "x"}}
    answered(by, TurnRequest("Hello", parameters=parameters), Usage(5_000, 5))
    assert by.plan(ANYBODY, HELLO, Opened(SESSION, [], fence=1), None).prompt == planned().prompt
