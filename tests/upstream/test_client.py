"""The way to ChatGPT: what is sent, what is tried again, what is never done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import psutil
import pytest

from proxy.errors import (
    UpstreamAuthFailed,
    UpstreamBroken,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRefused,
)
from proxy.settings import load
from proxy.upstream.client import Upstream
from tests.support.service import CANARY, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.simulator.process import SimulatedChatGPT
    from tests.support.simulator import Control

ASK = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}


class Reach(Protocol):
    """Opens a way to ChatGPT with these settings."""

    def __call__(self, **settings: str) -> Upstream: ...


@pytest.fixture
def reach(simulator: SimulatedChatGPT) -> Iterator[Reach]:
    opened: list[Upstream] = []

    def make(**settings: str) -> Upstream:
        given = {"REDIS_URL": "redis://x", "OPENAI_API_KEY": CANARY}
        base = {"OPENAI_BASE_URL": simulator.url}
        opened.append(Upstream(load(given | base | settings)))
        return opened[-1]

    yield make
    for upstream in opened:
        upstream.close()


@pytest.fixture
def upstream(reach: Reach, chatgpt: Control) -> Upstream:
    return reach()


def connections(url: str) -> set[Any]:
    """This process's open connections to the server of a URL, by their own ports."""
    port = urlsplit(url).port
    established = psutil.Process().net_connections("tcp")
    return {c.laddr for c in established if c.status == "ESTABLISHED" and c.raddr.port == port}


def test_an_answer_is_understood(upstream: Upstream) -> None:
    completion = upstream.complete(ASK)
    assert completion.message["content"] == 'You said: "Hello"'
    assert completion.usage is not None


def test_the_request_carries_the_service_s_key_and_nothing_of_the_environment(
    upstream: Upstream, chatgpt: Control
) -> None:
    upstream.complete(ASK)
    headers = chatgpt.requests()[0].headers
    assert headers["authorization"] == f"Bearer {CANARY}"
    assert headers.keys() == {
        *("host", "authorization", "content-type", "content-length"),
        *("accept", "accept-encoding", "user-agent"),
    }


def test_organization_and_project_are_told_where_they_are_set(
    reach: Reach, chatgpt: Control
) -> None:
    reach(OPENAI_ORGANIZATION="org-1", OPENAI_PROJECT="proj_2").complete(ASK)
    headers = chatgpt.requests()[0].headers
    assert (headers["openai-organization"], headers["openai-project"]) == ("org-1", "proj_2")


def test_one_connection_serves_many_turns(
    upstream: Upstream, chatgpt: Control, simulator: SimulatedChatGPT
) -> None:
    before = connections(simulator.url)
    upstream.complete(ASK)
    first = connections(simulator.url) - before
    for _ in range(4):
        upstream.complete(ASK)
    assert len(first) == 1
    assert connections(simulator.url) - before == first


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_a_connection_is_used_again_after_an_error(
    upstream: Upstream, chatgpt: Control, simulator: SimulatedChatGPT, status: int
) -> None:
    before = connections(simulator.url)
    upstream.complete(ASK)
    first = connections(simulator.url) - before
    chatgpt.queue(status=status, headers={"x-should-retry": "false"})
    with pytest.raises(Exception, match=r"ChatGPT|Scripted"):
        upstream.complete(ASK)
    upstream.complete(ASK)
    assert connections(simulator.url) - before == first


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 503},
        {"status": 429, "headers": {"retry-after": "0.1"}},
        {"fault": "no_status_line"},
    ],
)
def test_a_failure_that_may_pass_is_tried_once_more(
    upstream: Upstream, chatgpt: Control, fault: dict[str, Any]
) -> None:
    chatgpt.queue(**fault)
    assert upstream.complete(ASK).message["content"] == 'You said: "Hello"'
    assert chatgpt.stats()["requests"] == 2


def test_a_failure_that_does_not_pass_is_told_after_the_second_try(
    upstream: Upstream, chatgpt: Control
) -> None:
    chatgpt.defaults(status=500)
    with pytest.raises(UpstreamError, match="status 500"):
        upstream.complete(ASK)
    assert chatgpt.stats()["requests"] == 2


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ({"status": 400}, UpstreamRefused),
        ({"status": 401}, UpstreamAuthFailed),
        ({"status": 403}, UpstreamAuthFailed),
        ({"fault": "redirect"}, UpstreamError),
        ({"status": 429, "headers": {"retry-after": "30"}}, UpstreamRateLimited),
        ({"status": 500, "headers": {"x-should-retry": "false"}}, UpstreamError),
        ({"fault": "malformed_json"}, UpstreamBroken),
        ({"fault": "cut_body"}, UpstreamBroken),
    ],
)
def test_what_a_second_try_cannot_mend_or_could_double_is_asked_once(
    upstream: Upstream, chatgpt: Control, reply: dict[str, Any], error: type[Exception]
) -> None:
    chatgpt.queue(**reply)
    with pytest.raises(error):
        upstream.complete(ASK)
    assert chatgpt.stats()["requests"] == 1


def test_a_redirect_is_not_followed_with_the_key(
    upstream: Upstream, chatgpt: Control, simulator: SimulatedChatGPT
) -> None:
    chatgpt.queue(fault="redirect", headers={"location": simulator.url + "/models"})
    with pytest.raises(UpstreamError, match="status 307"):
        upstream.complete(ASK)
    assert [sent.path for sent in chatgpt.requests()] == ["/v1/chat/completions"]


def test_a_server_that_is_not_there_cannot_be_reached(reach: Reach) -> None:
    absent = reach(OPENAI_BASE_URL=f"http://127.0.0.1:{free_port()}/v1")
    with pytest.raises(UpstreamError, match="cannot be reached") as failure:
        absent.complete(ASK)
    assert not isinstance(failure.value, UpstreamBroken)


def test_bytes_behind_an_answer_are_not_taken_for_the_next(
    upstream: Upstream, chatgpt: Control
) -> None:
    chatgpt.queue(fault="wrong_content_length", after=10)
    with pytest.raises(UpstreamBroken):
        upstream.complete(ASK)
    assert upstream.complete(ASK).message["content"] == 'You said: "Hello"'


@pytest.mark.parametrize("fault", ["gzip_bomb", "enormous_line"])
def test_an_answer_that_is_too_large_is_cut(reach: Reach, chatgpt: Control, fault: str) -> None:
    chatgpt.queue(fault=fault, size=50_000_000)
    with pytest.raises(UpstreamBroken):
        reach(PROXY_UPSTREAM_MAX_BYTES="100000").complete(ASK)
    assert chatgpt.stats()["requests"] == 1
