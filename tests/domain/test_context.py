"""What of a conversation is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.catalog import Model
from proxy.domain.context import Prompt, fit, window
from proxy.domain.conversation import Turn, Usage
from proxy.domain.tokens import PER_PROMPT, Calibration, estimate_messages
from proxy.errors import ContextLengthExceeded
from tests.domain.samples import turn

if TYPE_CHECKING:
    from proxy.domain.conversation import Message

MODEL = Model(name="m", context=100_000, max_output=10_000)
ASK: Message = {"role": "user", "content": "And now?"}
RESULT: Message = {"role": "tool", "tool_call_id": "call_1", "content": "42"}


@dataclass(frozen=True)
class Case:
    """A session as it is read, and what is asked of it."""

    system: str
    turns: list[Turn]
    older: int
    question: list[Message]
    room: int

    @property
    def fixed(self) -> int:
        """Tokens of all that must be sent."""
        opening = [{"role": "system", "content": self.system}] if self.system else []
        return estimate_messages([*opening, *self.question]) + PER_PROMPT

    def fitted(self) -> Prompt:
        return fit(
            self.system,
            self.turns,
            len(self.turns) + self.older,
            self.question,
            model=MODEL,
            room=self.room,
            calibration=Calibration(),
        )

    def suffix_fits(self, length: int) -> bool:
        """Whether the newest `length` turns may be sent."""
        newest = self.turns[len(self.turns) - length :]
        whole = not newest or not newest[0].answers_tools
        return whole and self.fixed + sum(each.tokens for each in newest) <= self.room


@st.composite
def cases(draw: st.DrawFn) -> Case:
    older = draw(st.integers(0, 3))
    shape = draw(st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=12))
    calls_before = bool(older) and draw(st.booleans())
    turns = []
    for number, (tokens, calls) in enumerate(shape):
        turns.append(turn(number, tokens=tokens, calls=calls, answers=calls_before))
        calls_before = calls
    question = [RESULT] if turns and calls_before else [ASK]
    system = draw(st.sampled_from(["", "Be brief.", "Be brief. " * 20]))
    return Case(system, turns, older, question, draw(st.integers(0, 300)))


@given(cases())
def test_a_prompt_is_system_newest_turns_and_question_or_a_refusal(case: Case) -> None:
    try:
        prompt = case.fitted()
    except ContextLengthExceeded:
        assert not case.suffix_fits(0) or case.question == [RESULT]
        return
    kept = case.turns[len(case.turns) - prompt.turns_sent :]
    system = [{"role": "system", "content": case.system}] if case.system else []
    told = [message for each in kept for message in each.messages]
    assert prompt.messages == [*system, *told, *case.question]
    assert prompt.turns_left_out == len(case.turns) + case.older - prompt.turns_sent


@given(cases())
def test_a_prompt_never_takes_more_than_its_room(case: Case) -> None:
    try:
        prompt = case.fitted()
    except ContextLengthExceeded:
        return
    assert case.suffix_fits(prompt.turns_sent)


@given(cases())
def test_as_many_turns_are_sent_as_fit(case: Case) -> None:
    possible = [n for n in range(len(case.turns) + 1) if case.suffix_fits(n)]
    if case.question == [RESULT]:
        possible = [n for n in possible if n]
    try:
        sent = case.fitted().turns_sent
    except ContextLengthExceeded:
        assert not possible
    else:
        assert sent == max(possible)


@given(cases())
def test_a_tool_call_and_its_result_are_never_parted(case: Case) -> None:
    try:
        messages = case.fitted().messages
    except ContextLengthExceeded:
        return
    for before, message in zip([None, *messages], messages, strict=False):
        after_call = before is not None and bool(before.get("tool_calls"))
        assert (message["role"] == "tool") == after_call


def fitted(turns: list[Turn], count: int | None = None, **changes: Any) -> Prompt:
    options: dict[str, Any] = {"model": MODEL, "room": 1_000, "calibration": Calibration()}
    count = len(turns) if count is None else count
    return fit("", turns, count, [ASK], **options | changes)


def test_a_message_that_can_never_fit_is_refused_with_both_figures() -> None:
    with pytest.raises(ContextLengthExceeded) as refusal:
        fit("", [], 0, [ASK], model=MODEL, room=5, calibration=Calibration())
    assert refusal.value.param == "message"
    assert "about 9 tokens" in refusal.value.message
    assert "5 fit" in refusal.value.message


def test_the_history_has_the_size_that_chatgpt_reported() -> None:
    last = turn(2, usage=Usage(500, 30, reasoning_tokens=10), turns_sent=1)
    prompt = fitted([turn(1), last])
    assert prompt.known_tokens == 520
    assert prompt.tokens == 520 + prompt.question_tokens


def test_a_history_that_is_cut_anew_is_estimated() -> None:
    last = turn(2, tokens=30, usage=Usage(500, 30), turns_sent=1)
    prompt = fitted([turn(1, tokens=50), last], room=60)
    assert (prompt.turns_sent, prompt.known_tokens, prompt.raw_estimate) == (1, 0, 0)
    assert prompt.tokens == 30 + prompt.question_tokens + PER_PROMPT


def test_an_estimated_usage_is_not_taken_for_a_report() -> None:
    last = turn(1, usage=Usage(500, 30, estimated=True))
    assert fitted([last]).known_tokens == 0


def test_turns_that_were_not_read_count_as_left_out() -> None:
    assert fitted([turn(1), turn(2)], count=7).turns_left_out == 5


def test_what_was_learned_of_a_model_corrects_its_estimates() -> None:
    learned = Calibration()
    learned.observe("m", estimated=10, reported=30, answer=5)
    tokens = fitted([], calibration=learned).tokens
    assert 0 <= tokens - 1.25 * fitted([]).tokens < 2  # each part is rounded up


@pytest.mark.parametrize(
    ("max_tokens", "ceiling", "room"),
    [
        (None, 0, int((100_000 - 10_000) * 0.98)),
        (1_000, 0, int((100_000 - 1_000) * 0.98)),
        (50_000, 0, int((100_000 - 10_000) * 0.98)),
        (None, 4_000, 4_000),
        (None, 500_000, int((100_000 - 10_000) * 0.98)),
    ],
)
def test_a_prompt_leaves_room_for_the_answer(
    max_tokens: int | None, ceiling: int, room: int
) -> None:
    assert window(MODEL, max_tokens, ceiling) == room
