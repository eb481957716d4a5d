"""A caller of the simulated ChatGPT."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.simulator.caller import Caller
from tests.support.service import CANARY

if TYPE_CHECKING:
    from proxy.simulator.process import SimulatedChatGPT
    from tests.support.simulator import Control


@pytest.fixture
def caller(simulator: SimulatedChatGPT, chatgpt: Control) -> Caller:
    """It has the right key, and the simulated ChatGPT is as new."""
    return Caller(simulator.url, CANARY)
