"""Wrong keys: who sends many of them waits for each refusal; a good key is never held up.

There is no lockout: behind one address there may be a whole company.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

FREE = 100
"""So many wrong keys are refused at once; after that each waits longer than the one before."""
FORGIVEN_PER_S = 5.0
STEP_S = 0.02
MOST_ADDRESSES = 10_000
"""Those that sent a wrong key last are remembered."""


class Guesses:
    """How many wrong keys came from where lately, to this worker."""

    def __init__(self, longest_s: float) -> None:
        """No wait is longer than `longest_s`; 0 is none at all."""
        self._longest_s = longest_s
        self._counts: dict[str, tuple[float, float]] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def wrong(self, address: str, now: float) -> float:
        """Count a wrong key; for how many seconds its refusal is to be held back.

        Args:
            address: of the connection that it came over.
            now: seconds of a clock that only goes forward.
        """
        network = _network(address)
        count, at = self._counts.pop(network, (0.0, now))
        count = max(0.0, count - (now - at) * FORGIVEN_PER_S) + 1
        self._counts[network] = count, now
        if len(self._counts) > MOST_ADDRESSES:
            del self._counts[next(iter(self._counts))]
        return min(self._longest_s, max(0.0, count - FREE) * STEP_S)


def _network(address: str) -> str:
    """Of an IPv6 address its first half, for the other half is one host's to choose."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address) or parsed.ipv4_mapped:
        return address
    return parsed.exploded[:19]
