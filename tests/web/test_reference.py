"""The interface for people: what a schema says, in words."""

from __future__ import annotations

import pytest

from proxy.web.openapi import document
from proxy.web.reference import Field, Route, groups, objects


@pytest.fixture(scope="module")
def routes() -> dict[str, Route]:
    """All routes by their ids."""
    return {route.id: route for _, shown in groups(document()) for route in shown}


def named(fields: tuple[Field, ...] | list[Field]) -> dict[str, Field]:
    return {field.name: field for field in fields}


@pytest.mark.parametrize(
    ("route", "field", "said"),
    [
        ("post_chat", "message", "text"),
        ("post_chat", "temperature", "number, 0 to 2"),
        ("post_chat", "persona", "text, 1 to 256 characters"),
        ("post_chat", "seed", "whole number"),
        ("post_chat", "stop", "text or list of texts"),
        ("post_chat", "stream", "true or false"),
        ("post_chat", "on_disconnect", "finish or cancel"),
        ("post_chat", "tool_results", "list of objects"),
        ("post_chat", "tool_results[].content", "text"),
        ("post_tokens", "limits.rpm", "whole number, 0 to 1,000,000,000"),
        ("post_admin_api_keys", "budget_usd", "number, above 0, up to 1,000,000"),
    ],
)
def test_a_field_says_what_it_may_be(
    routes: dict[str, Route], route: str, field: str, said: str
) -> None:
    assert named(routes[route].body)[field].type == said


def test_what_an_example_sends_comes_first(routes: dict[str, Route]) -> None:
    assert routes["post_chat"].body[0].name == "message"
    names = [field.name for field in routes["post_admin_api_keys"].body]
    assert names[:3] == ["name", "rpm", "budget_usd"]


def test_a_field_that_is_required_says_so(routes: dict[str, Route]) -> None:
    fields = named(routes["post_admin_api_keys"].body)
    assert (fields["name"].required, fields["rpm"].required) == (True, False)


def test_an_object_that_others_hold_is_told_once() -> None:
    told = dict(objects(document()))
    assert named(told["KeyList"])["data"].of == "Key"
    assert named(told["Session"])["turns"].of == "Turn"
    assert not [field for field in told["KeyList"] if field.name.startswith("data[]")]


def test_a_route_without_v1_is_told_with_its_twin(routes: dict[str, Route]) -> None:
    assert routes["post_v1_chat_completions"].also == ("/chat/completions",)
    assert "post_chat_completions" not in routes
