"""Callers of OpenAI's interface."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.openai.relaying import REQUESTS, TOKENS

if TYPE_CHECKING:
    from tests.conftest import NewKey
    from tests.support.service import Client, Service
    from tests.support.simulator import Control


@pytest.fixture
def thrifty(service: Service, chatgpt: Control, new_key: NewKey) -> Client:
    """A caller whose limits show what it took."""
    return service.client(new_key(rpm=1, burst=REQUESTS, tpm=TOKENS))
