"""Browser tokens in their signed form: what is read is what was signed, or nothing."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.browser_tokens import PREFIX, BrowserToken, Signer, signer
from proxy.domain.limits import Limits
from proxy.settings import SIMULATED_KEY, load
from tests.support.service import CANARY

NOW = 1_795_377_193.25
TOKEN = BrowserToken(
    "k3y", "0123456789abcdef", "ada", int(NOW * 1000) + 1_000, limits=Limits(0, 0, 0, 0)
)
SIGNER = Signer(b"a secret of this test, and of no other")
PRINTABLE = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=128)


@given(
    user=PRINTABLE,
    origin=st.sampled_from(["", "https://app.example.com"]),
    limits=st.tuples(*[st.integers(0, 10**9)] * 4),
)
def test_what_was_signed_is_read(user: str, origin: str, limits: tuple[int, int, int, int]) -> None:
    token = replace(TOKEN, user=user, origin=origin, limits=Limits(*limits))
    assert SIGNER.read(SIGNER.sign(token), NOW) == token


def test_no_character_may_be_another() -> None:
    text = SIGNER.sign(TOKEN)
    for place in range(len(PREFIX), len(text)):
        for other in "AB_-.=~ é":
            if other != text[place]:
                assert SIGNER.read(text[:place] + other + text[place + 1 :], NOW) is None


def test_nothing_may_be_cut_off_or_added() -> None:
    text = SIGNER.sign(TOKEN)
    assert [end for end in range(len(text)) if SIGNER.read(text[:end], NOW)] == []
    for more in ("=", "A", ".", "\n", " ", "." + text, text):
        assert SIGNER.read(text + more, NOW) is None


def test_another_secret_reads_nothing() -> None:
    assert Signer(b"another secret of this same test").read(SIGNER.sign(TOKEN), NOW) is None


def test_a_token_ends_in_the_millisecond_that_it_says() -> None:
    text = SIGNER.sign(TOKEN)
    assert SIGNER.read(text, NOW + 0.999)
    assert SIGNER.read(text, NOW + 1) is None


def test_a_longer_life_written_in_breaks_the_signature() -> None:
    payload, signature = SIGNER.sign(TOKEN).removeprefix(PREFIX).rsplit(".", 1)
    raw = base64.urlsafe_b64decode(payload.lstrip(".") + "=" * (-len(payload.lstrip(".")) % 4))
    fields = json.loads(zlib.decompress(raw) if payload.startswith(".") else raw)
    fields[3] += 3_600_000
    longer = base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")
    assert SIGNER.read(f"{PREFIX}{longer}.{signature}", NOW) is None


@given(st.text(max_size=300))
def test_anything_else_is_no_token(text: str) -> None:
    assert SIGNER.read(PREFIX + text, NOW) is None


@given(PRINTABLE, PRINTABLE)
def test_names_are_plain_and_as_distinct_as_the_users(one: str, other: str) -> None:
    first, second = (replace(TOKEN, user=user).name for user in (one, other))
    assert (first == second) == (one == other)
    assert not set(first) & set("{}:/* \n")


# Secrets


def signer_with(**settings: str) -> Signer | None:
    return signer(load({"REDIS_URL": "redis://localhost", "OPENAI_API_KEY": CANARY, **settings}))


def test_services_with_the_same_key_for_chatgpt_agree() -> None:
    one, other = signer_with(), signer_with()
    stranger = signer_with(OPENAI_API_KEY=CANARY + "x")
    assert one
    assert other
    assert stranger
    assert other.read(one.sign(TOKEN), NOW) == TOKEN
    assert stranger.read(one.sign(TOKEN), NOW) is None


def test_a_secret_of_their_own_goes_before_the_key() -> None:
    one = signer_with(PROXY_TOKEN_SECRET="s" * 32)
    other = signer_with(PROXY_TOKEN_SECRET="s" * 32, OPENAI_API_KEY=SIMULATED_KEY)
    derived = signer_with()
    assert one
    assert other
    assert derived
    assert other.read(one.sign(TOKEN), NOW) == TOKEN
    assert derived.read(one.sign(TOKEN), NOW) is None


@pytest.mark.parametrize("key", [SIMULATED_KEY, "EMPTY", "sk-no-key-required"])
def test_from_a_word_that_all_know_no_secret_is_derived(key: str) -> None:
    assert signer_with(OPENAI_API_KEY=key) is None
