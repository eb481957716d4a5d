"""What a request takes of each resource, and whether its limits can ever hold that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.domain.limits import NANO
from proxy.domain.usage import nano
from proxy.errors import InvalidRequest, ModelNotAllowed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proxy.domain.catalog import Model
    from proxy.domain.conversation import Usage
    from proxy.domain.limits import Bucket


def most_tokens(buckets: Iterable[Bucket]) -> int | None:
    """What the smallest token bucket holds when full; None where nothing limits tokens."""
    tokens = [b.burst for b in buckets if b.resource == "tokens" and b.burst and b.enforced]
    return min(tokens, default=None)


def answer_tokens(buckets: Iterable[Bucket], prompt: int, asked: int | None, expected: int) -> int:
    """Tokens to reserve for an answer: those asked for, else a guess that the buckets hold.

    Args:
        buckets: the request's limits.
        prompt: the prompt's tokens.
        asked: the request's max_tokens; None if it leaves the length open.
        expected: how long answers tend to be.

    Raises:
        InvalidRequest: prompt and asked tokens are more than a bucket ever holds.
    """
    least, most = prompt + (asked or 0), most_tokens(buckets)
    holding = least + expected if most is None else most
    if least > holding:
        raise InvalidRequest(
            f"The request takes about {least} tokens, and the limit allows {holding} at most "
            "at once: shorten the message or lower max_tokens.",
            param="max_tokens" if prompt <= holding else "message",
        )
    return asked if asked is not None else min(expected, holding - prompt)


def costs(buckets: Iterable[Bucket], model: Model, expected: Usage) -> dict[str, int]:
    """What a request takes of each resource; of money billionths of a USD.

    Args:
        buckets: the request's limits.
        model: which model is asked.
        expected: tokens of the prompt and the answer.

    Raises:
        ModelNotAllowed: there is a budget, and what the model costs is not known.
        InvalidRequest: it may cost more than a budget ever holds.
    """
    cost = model.cost(expected)
    budgets = [b.burst for b in buckets if b.resource == "usd" and b.enforced]
    if cost is None and budgets:
        raise ModelNotAllowed(
            f"The price of {model.name!r} is not known, and this client key has a budget: use a "
            "model whose price is in config/models.toml.",
            param="model",
        )
    usd = nano(cost or 0)
    if usd > min(budgets, default=usd):
        raise InvalidRequest(
            f"The request may cost {usd / NANO:g} USD, and the budget is "
            f"{min(budgets) / NANO:g} USD: shorten the message or lower max_tokens.",
            param="max_tokens",
        )
    return {"requests": 1, "tokens": expected.total_tokens, "usd": usd, "concurrency": 1}
