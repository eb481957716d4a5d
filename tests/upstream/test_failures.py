"""What ChatGPT, or the way to it, says: told as the service's own errors."""

from __future__ import annotations

import re
import socket
import ssl
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import (
    ApiError,
    UpstreamAuthFailed,
    UpstreamBroken,
    UpstreamError,
    UpstreamQuotaExhausted,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamTimeout,
)
from proxy.upstream import failures
from proxy.upstream.keys import Keys

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET = "sk-canary-5f0c2e7d9b1a4c68"


def failure(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> ApiError:
    return failures.from_answer(status, headers or {}, body, Keys((SECRET,)).hide)


def refused(status: int, **error: Any) -> ApiError:
    return failure(status, orjson.dumps({"error": error}))


@pytest.mark.parametrize(
    ("status", "code", "kind", "told"),
    [
        (400, "unsupported_value", UpstreamRefused, 400),
        (404, "model_not_found", UpstreamRefused, 404),
        (413, "string_above_max_length", UpstreamRefused, 400),
        (422, "invalid_type", UpstreamRefused, 400),
        (401, "invalid_api_key", UpstreamAuthFailed, 502),
        (403, "unsupported_country", UpstreamAuthFailed, 502),
        (429, "rate_limit_exceeded", UpstreamRateLimited, 429),
        (429, "slow_down", UpstreamRateLimited, 429),
        (429, "insufficient_quota", UpstreamQuotaExhausted, 503),
        (429, "credit_balance_exhausted", UpstreamQuotaExhausted, 503),
        (429, "project_spend_limit_exceeded", UpstreamQuotaExhausted, 503),
        (408, None, UpstreamTimeout, 504),
        (504, None, UpstreamTimeout, 504),
        (500, "server_error", UpstreamError, 502),
        (503, "server_is_overloaded", UpstreamError, 502),
        (302, None, UpstreamError, 502),
        (204, None, UpstreamError, 502),
        (418, None, UpstreamError, 502),
    ],
)
def test_each_answer_has_its_error(
    status: int, code: str | None, kind: type[ApiError], told: int
) -> None:
    error = refused(status, code=code, message="m")
    assert (type(error), error.status) == (kind, told)


def test_a_refusal_of_the_request_is_told_in_chatgpt_s_own_words() -> None:
    error = refused(400, message="Bad.", code="unsupported_value", param="temperature", type="t")
    assert (error.message, error.code, error.param) == ("Bad.", "unsupported_value", "temperature")


def test_a_quota_is_known_by_the_error_s_type_too() -> None:
    assert isinstance(refused(429, type="insufficient_quota"), UpstreamQuotaExhausted)


def test_a_path_that_is_not_chatgpt_s_is_not_the_caller_s_404() -> None:
    error = failure(404, b"<html>nothing here</html>")
    assert (error.status, error.code, error.should_retry) == (502, "upstream_error", False)


def test_a_redirect_is_not_worth_a_retry() -> None:
    assert failure(307).should_retry is False


@pytest.mark.parametrize("part", ["message", "code", "param"])
def test_the_service_s_key_is_hidden_in_what_chatgpt_repeats(part: str) -> None:
    error = refused(400, **{part: f"a {SECRET} b"})
    assert SECRET not in orjson.dumps(error.body()).decode()
    assert "a [hidden] b" in orjson.dumps(error.body()).decode()


def test_what_chatgpt_says_is_cut_to_a_bearable_length() -> None:
    error = refused(400, message="m" * 10_000, code="c" * 1_000, param="p" * 1_000)
    assert len(orjson.dumps(error.body())) < 2_500


@given(st.sampled_from([307, 400, 401, 404, 429, 500, 503]), st.binary(max_size=100))
def test_a_body_that_is_no_error_object_does_not_matter(status: int, body: bytes) -> None:
    assert failure(status, body).status in {400, 429, 502}


@given(
    st.sampled_from([400, 404, 429, 500]),
    st.dictionaries(
        st.sampled_from(["message", "type", "param", "code"]),
        st.none() | st.booleans() | st.integers(-9, 9) | st.lists(st.none()) | st.text(),
    ),
)
def test_an_error_object_with_odd_parts_does_not_matter(status: int, error: dict[str, Any]) -> None:
    told = refused(status, **error).body()["error"]
    assert all(part is None or isinstance(part, str) for part in told.values())


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9),
        ({"retry-after": "Sun, 22 Nov 2026 19:00:00 GMT"}, 1),
        ({"retry-after": "-5"}, 1),
        ({"retry-after": "0"}, 1),
        ({"retry-after": "nan"}, 1),
        ({"retry-after": "inf"}, 86_400),
        ({}, 1),
    ],
)
def test_the_wait_is_the_one_chatgpt_asks_for(headers: dict[str, str], seconds: float) -> None:
    assert failure(429, headers=headers).retry_after == seconds


CONNECTION = urllib3.connection.HTTPConnection("x")
NEVER = urllib3.exceptions.NewConnectionError(CONNECTION, "refused")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NEVER, "reached"),
        (urllib3.exceptions.NameResolutionError("x", CONNECTION, socket.gaierror()), "reached"),
        (urllib3.exceptions.ConnectTimeoutError(CONNECTION, "late"), "reached"),
        (ssl.SSLCertVerificationError(1, "self-signed"), "trusts"),
        (TimeoutError(), "in time"),
        (urllib3.exceptions.ProtocolError("cut"), "broke"),
        (ConnectionResetError(), "broke"),
    ],
)
def test_each_way_to_fail_on_the_way_has_its_words(error: Exception, kind: str) -> None:
    assert re.search(rf"\b{kind}\b", failures.from_exception(error).message)


def test_only_a_connection_that_was_never_made_is_surely_free_of_charge() -> None:
    never, perhaps = map(failures.from_exception, (NEVER, ConnectionResetError()))
    assert not isinstance(never, UpstreamBroken | UpstreamTimeout)
    assert isinstance(perhaps, UpstreamBroken)
