"""Ids that cannot be guessed, and their shape."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.identifiers import is_session_id, new_session_id, new_turn_id

GOOD = "s_q0mN2abcdefghijklmnop-"


def test_new_ids_have_their_shape_and_never_repeat() -> None:
    sessions = {new_session_id() for _ in range(1_000)}
    assert len(sessions) == 1_000
    assert all(map(is_session_id, sessions))


def test_a_turn_s_id_is_no_session_s() -> None:
    assert re.fullmatch(r"t_[A-Za-z0-9_-]{22}", new_turn_id())
    assert not is_session_id(new_turn_id())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s_",
        GOOD[:-1],
        GOOD + "A",
        GOOD + "\n",
        "S" + GOOD[1:],
        "s_" + "ä" * 22,
        "s_" + "}" * 22,
    ],
)
def test_what_is_a_little_off_is_no_session_id(text: str) -> None:
    assert is_session_id(GOOD)
    assert not is_session_id(text)


@given(st.text())
def test_nothing_else_can_become_part_of_a_key(text: str) -> None:
    assert not is_session_id(text) or re.fullmatch(r"s_[A-Za-z0-9_-]{22}", text)
