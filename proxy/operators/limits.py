"""Limits as operators look at them: all balances, and what the next request of a key would meet.

When Redis is gone every verb raises StoreUnavailable.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proxy.domain.conversation import Usage
from proxy.domain.limits import NANO, Balance, Bucket
from proxy.domain.usage import nano
from proxy.limiter import key_limits
from proxy.operators.records import AT_ONCE
from proxy.refusals import refusal_of
from proxy.store import buckets, learned

if TYPE_CHECKING:
    from proxy.domain.catalog import Catalog, Model
    from proxy.limiter import Limiter
    from proxy.operators.keys import Keys
    from proxy.operators.teams import Teams
    from proxy.settings import Settings
    from proxy.store.client_keys import ClientKey

TOKENS = 1000
"""What the next request is taken to need, unless it is said."""


_ONE_OF_EACH = {"requests": 1, "tokens": 1, "concurrency": 1, "usd": 1}


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the next request would meet.

    Attributes:
        code: the error's, as in docs/api.md; empty if the request would pass.
        message: a sentence that says so.
        limit: the limit that would refuse it, if one would.
        wait_s: seconds until it would pass; None where waiting does not help.
    """

    code: str
    message: str
    limit: Bucket | None = None
    wait_s: float | None = None

    @property
    def passes(self) -> bool:
        """Whether the request would pass now, if nobody else comes first."""
        return not self.code


@dataclass(frozen=True, slots=True)
class Explanation:
    """Every limit of a key, and what its next request would meet.

    Attributes:
        key: whose.
        model: which model the request asks.
        tokens: how many it needs; all are priced as tokens of a prompt.
        balances: of the limits, from the innermost; those that ChatGPT told only if it did.
        outlook: for the request.
    """

    key: ClientKey
    model: str
    tokens: int
    balances: list[Balance]
    outlook: Outlook


class Limits:
    """All limits, as an operator looks at them."""

    def __init__(
        self, settings: Settings, limiter: Limiter, catalog: Catalog, keys: Keys, teams: Teams
    ) -> None:
        self._settings = settings
        self._limiter = limiter
        self._catalog = catalog
        self._keys = keys
        self._teams = teams

    def all(self) -> list[Balance]:
        """The balances of what all share, of ChatGPT's own limits, all teams and active keys.

        Their waits are those for one unit.
        """
        now = time.time()
        asked = [*self._limiter.shared]
        for model in self._limiter.store.run(learned.models()):
            asked += learned.buckets(model)
        for team in self._teams.all():
            asked += team.limits.buckets("team", team.id)
        for key in self._keys.all():
            if key.state(now) == "active":
                asked += self._own(key)
        found: list[Balance] = []
        for first in range(0, len(asked), AT_ONCE):
            peek = buckets.peek(asked[first : first + AT_ONCE], _ONE_OF_EACH)
            found += self._limiter.store.run(peek).balances
        return found

    def explain(self, key_id: str, model: str | None, tokens: int) -> Explanation:
        """What limits a key.

        Args:
            key_id: which key.
            model: which model the next request asks; the service's default if None.
            tokens: how many tokens it needs.

        Raises:
            NotFound: there is no such key.
        """
        key = self._keys.find(key_id)
        named = self._catalog.find(model or self._settings.default_model)
        asked = [*self._own(key), *self._of_team(key)]
        asked += [*self._limiter.learned(named.name), *self._limiter.shared]
        cost = named.cost(Usage(tokens))
        costs = {"requests": 1, "tokens": tokens, "concurrency": 1, "usd": nano(cost or 0)}
        reserved = self._limiter.store.run(buckets.peek(asked, costs))
        barred = _barred(key, named, reserved.balances, tokens)
        outlook = barred or _outlook(reserved)
        return Explanation(key, named.name, tokens, reserved.balances, outlook)

    def _own(self, key: ClientKey) -> tuple[Bucket, ...]:
        return key_limits(key.limits, self._settings).buckets("key", key.id)

    def _of_team(self, key: ClientKey) -> tuple[Bucket, ...]:
        if not key.team:
            return ()
        return self._teams.find(key.team).limits.buckets("team", key.team)


def _barred(key: ClientKey, model: Model, balances: list[Balance], tokens: int) -> Outlook | None:
    """Why a request would be refused whatever the balances, if it would."""
    state = key.state(time.time())
    if state != "active":
        return Outlook("invalid_api_key", f"The key is {state}.")
    if key.models and model.name not in key.models:
        return Outlook("model_not_allowed", f"The key may not use {model.name}.")
    enforced = [balance.bucket for balance in balances if balance.bucket.enforced]
    money = (balance.bucket for balance in balances if balance.bucket.resource == "usd")
    budgets = [bucket for bucket in money if bucket.enforced]
    if budgets and model.price is None:
        said = f"The price of {model.name} is not known, and there is a budget."
        return Outlook("model_not_allowed", said, budgets[0])
    for bucket in enforced:
        if bucket.resource == "tokens" and bucket.burst < tokens:
            said = f"The request takes {tokens} tokens, and {bucket.burst} are the most at once."
            return Outlook("invalid_request", said, bucket)
    return None


def _outlook(reserved: buckets.Reserved) -> Outlook:
    enforced = [balance for balance in reserved.balances if balance.bucket.enforced]
    longest = max(enforced, key=lambda balance: balance.wait_s, default=None)
    if longest is None or longest.wait_s == 0:
        return Outlook("", "The next request passes, if nobody else comes first.")
    error = refusal_of(reserved)
    return Outlook(error.code, error.message, longest.bucket, longest.wait_s)


def limit_shown(bucket: Bucket) -> dict[str, Any]:
    """A limit as it is told; rate and burst in units, of a budget in USD."""
    budget = bucket.resource == "usd"
    mode = "enforced" if bucket.enforced else "shadow"
    return {
        "scope": bucket.scope,
        "id": bucket.id,
        "resource": bucket.resource,
        "rate": bucket.rate / NANO if budget else bucket.rate,
        "burst": bucket.burst / NANO if budget else bucket.burst,
        "period": None if bucket.resource == "concurrency" else bucket.period,
        "mode": "learned" if bucket.learned else mode,
    }


def balance_shown(balance: Balance) -> dict[str, Any]:
    """A limit with its balance and its wait; seconds are rounded to milliseconds."""
    budget = balance.bucket.resource == "usd"
    left, short = balance.remaining, balance.short
    return limit_shown(balance.bucket) | {
        "remaining": left / NANO if budget else left,
        "short": round(short / NANO if budget else short, 6),
        "wait_s": round(balance.wait_s, 3),
        "full_in_s": round(balance.full_s, 3),
    }


def explanation_shown(explained: Explanation) -> dict[str, Any]:
    """An explanation as it is told."""
    outlook = explained.outlook
    return {
        "key": explained.key.id,
        "name": explained.key.name,
        "team": explained.key.team or None,
        "model": explained.model,
        "tokens": explained.tokens,
        "limits": [balance_shown(balance) for balance in explained.balances],
        "next": {
            "passes": outlook.passes,
            "code": outlook.code or None,
            "message": outlook.message,
            "limit": limit_shown(outlook.limit) if outlook.limit else None,
            "wait_s": None if outlook.wait_s is None else round(outlook.wait_s, 3),
        },
    }
