"""The models are listed, one by one too."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulator.caller import Caller


def test_models_are_listed(caller: Caller) -> None:
    listed = caller.get("/models").json()
    assert listed["object"] == "list"
    assert "gpt-6-luna" in [model["id"] for model in listed["data"]]
    assert listed["data"][0].keys() == {"id", "object", "created", "owned_by"}


def test_one_model_is_described(caller: Caller) -> None:
    assert caller.get("/models/gpt-6-luna").json()["id"] == "gpt-6-luna"
    assert caller.get("/models/gpt-0").status_code == 404


def test_a_dated_name_is_its_model(caller: Caller) -> None:
    assert caller.chat(model="gpt-5.5-2026-04-23").json()["model"] == "simulated-gpt-5.5-2026-04-23"


def test_models_are_for_those_with_a_key(caller: Caller) -> None:
    caller.headers = {}
    assert caller.get("/models").status_code == 401
