"""Which of two keys is used while one takes over from the other."""

from __future__ import annotations

from proxy.upstream.keys import Keys


def test_the_first_key_is_used_until_it_is_refused() -> None:
    keys = Keys(("old", "new"))
    assert keys.current == "old"
    assert (keys.after("old", 0), keys.current) == ("new", "new")


def test_a_key_alone_has_no_other() -> None:
    keys = Keys(("old",))
    assert (keys.after("old", 0), keys.current) == (None, "old")


def test_those_who_were_refused_with_the_same_key_all_get_the_other() -> None:
    keys = Keys(("old", "new"))
    assert [keys.after("old", now) for now in (0, 0.1, 0.2)] == ["new"] * 3


def test_when_both_are_refused_they_are_not_tried_in_turns() -> None:
    keys = Keys(("old", "new"))
    assert [keys.after("old", 0), keys.after("new", 1), keys.after("new", 29)] == [
        "new",
        None,
        None,
    ]
    assert keys.after("new", 31) == "old"


def test_a_key_that_ends_much_later_makes_way_for_the_other() -> None:
    keys = Keys(("old", "new"))
    keys.after("old", 0)
    assert (keys.after("new", 1_000_000), keys.current) == ("old", "old")


def test_both_are_hidden_and_which_it_is_can_be_told() -> None:
    keys = Keys(("sk-1", "sk-12"))
    assert keys.hide("sk-12, sk-1") == "[hidden], [hidden]"
    assert (keys.number("sk-1"), keys.number("sk-12")) == (1, 2)
