"""OpenAI's own client for JavaScript needs nothing but the base URL and a client key."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import orjson
import pytest

from tests.support.service import clean_environment

if TYPE_CHECKING:
    from tests.conftest import NewKey
    from tests.support.service import Service
    from tests.support.simulator import Control

HERE = Path(__file__).parent
SAID = 'You said: "Hello"'


class Act(Protocol):
    """Has the client do what sdk.mjs calls by this name; the result, or the error."""

    def __call__(self, name: str, retries: int = 0, *, key: str = "") -> Any: ...


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """sdk.mjs beside an installed openai."""
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "sdk.mjs"):
        shutil.copy(HERE / name, folder)
    install = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(install, cwd=folder, check=True, timeout=100)
    return folder / "sdk.mjs"


@pytest.fixture
def act(program: Path, service: Service, chatgpt: Control, new_key: NewKey) -> Act:
    def run(name: str, retries: int = 0, *, key: str = "") -> Any:
        settings = {"OPENAI_BASE_URL": f"{service.url}/v1", "OPENAI_API_KEY": key or new_key()}
        done = subprocess.run(
            ["node", str(program), name, str(retries)],
            env=clean_environment(**settings),
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return orjson.loads(done.stdout)

    return run


def test_it_chats_and_sees_the_request_s_id(act: Act) -> None:
    answer = act("chat")
    assert answer["text"] == SAID
    assert answer["requestId"].startswith("req_")


def test_it_streams(act: Act) -> None:
    assert act("stream") == {"text": SAID, "usage": None}


def test_it_streams_with_usage(act: Act) -> None:
    assert act("streamWithUsage") == {"text": SAID, "usage": 13}


def test_it_calls_tools_and_hands_over_their_results(act: Act) -> None:
    arguments = '{"city":"some city"}'
    assert act("tools") == {
        "arguments": arguments,
        "streamed": arguments,
        "text": "get_weather answered: sunny",
    }


def test_it_reads_structured_answers(act: Act, chatgpt: Control) -> None:
    chatgpt.queue(text='{"city": "Oslo"}')
    assert act("structured") == {"city": "Oslo"}
    assert chatgpt.requests()[0].body["response_format"]["json_schema"]["name"] == "weather"


def test_it_embeds(act: Act) -> None:
    assert act("embeddings") == 1_536


def test_it_lists_and_retrieves_models(act: Act) -> None:
    models = act("models")
    assert {"gpt-6-luna", "text-embedding-3-small"} <= set(models["ids"])
    assert models["retrieved"] == "gpt-6-luna"


def test_it_uses_the_responses_api_plain_and_streamed(act: Act) -> None:
    assert act("responses") == {
        "first": 'You said: "My name is Ada."',
        "text": "Your name is Ada.",
        "final": "Your name is Ada.",
    }


def test_a_key_that_is_none_is_an_authentication_error(act: Act, chatgpt: Control) -> None:
    refused = act("chat", key="sk-proxy-nobody-nothing")
    assert (refused["error"], refused["code"]) == ("AuthenticationError", "invalid_api_key")
    assert refused["requestID"].startswith("req_")
    assert chatgpt.stats()["requests"] == 0


def test_a_model_that_is_none_is_not_found(act: Act) -> None:
    refused = act("unknownModel")
    assert (refused["error"], refused["code"]) == ("NotFoundError", "model_not_found")


def test_what_chatgpt_finds_wrong_is_a_bad_request(act: Act) -> None:
    refused = act("unknownField")
    told = refused["error"], refused["code"], refused["param"]
    assert told == ("BadRequestError", "unknown_parameter", "top_k")


def test_it_waits_as_long_as_a_limit_asks(act: Act, chatgpt: Control, new_key: NewKey) -> None:
    took_ms = act("twice", retries=1, key=new_key(rpm=120, burst=1))
    assert 200 < took_ms < 5_000
    assert chatgpt.stats()["requests"] == 2


def test_a_limit_that_was_not_waited_for_is_a_rate_limit_error(act: Act, new_key: NewKey) -> None:
    refused = act("twice", key=new_key(rpm=1))
    assert (refused["error"], refused["code"]) == ("RateLimitError", "rate_limit_exceeded")
    assert 50_000 < int(refused["wait"]) <= 60_000


def test_it_does_not_try_again_when_openai_s_account_is_empty(act: Act, chatgpt: Control) -> None:
    chatgpt.queue(status=429, error={"type": "insufficient_quota", "code": "insufficient_quota"})
    refused = act("chat", retries=3)
    assert (refused["status"], refused["code"]) == (503, "upstream_quota_exhausted")
    assert chatgpt.stats()["requests"] == 1


def test_a_stream_that_fails_throws_an_error_after_its_words(act: Act, chatgpt: Control) -> None:
    chatgpt.queue(fault="error_event", after=3, text="Well then")
    failed = act("stream")
    assert (failed["text"], failed["error"]) == ("Well the", "APIError")
    assert failed["code"] == "upstream_error"
