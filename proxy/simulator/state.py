"""Everything that one simulated ChatGPT knows while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from proxy.simulator.history import History
from proxy.simulator.limits import Limits
from proxy.simulator.responses_conversation import Memory
from proxy.simulator.script import Script


@dataclass(slots=True)
class State:
    """What was scripted and what has happened.

    Attributes:
        api_key: the key that requests must carry; None takes any.
        lenient: behave like a compatible server, which takes fields that OpenAI refuses.
        script: the replies to come.
        limits: the rate limits that are advertised.
        history: the requests that came.
        memory: the Responses API's conversations.
    """

    api_key: str | None = None
    lenient: bool = False
    script: Script = field(default_factory=Script)
    limits: Limits = field(default_factory=Limits)
    history: History = field(default_factory=History)
    memory: Memory = field(default_factory=Memory)

    def reset(self) -> None:
        """Forget all but how it was started; answers that are under way go on."""
        self.script = Script()
        self.limits = Limits()
        self.history = History()
        self.memory = Memory()
