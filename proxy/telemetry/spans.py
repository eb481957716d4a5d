"""What a span is to those who begin and end it; and the one that is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, Self

from proxy.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.telemetry.current import Current

Kind = Literal["client", "internal"]
"""Whether it asks another service."""
Value = str | int | float | list[str] | None


class Span(Protocol):
    """Something that takes time, within something else; a context manager that ends it."""

    @property
    def trace_id(self) -> str:
        """Which trace it belongs to; empty for none."""

    @property
    def headers(self) -> dict[str, str]:
        """What tells another service that its work belongs here."""

    def child(self, now: Current, name: str, kind: Kind) -> Span:
        """One within it, in the same request."""

    def tell(self, attributes: Mapping[str, Value], name: str | None = None) -> None:
        """Say more of it: numbers and names, never messages; what is None is left out.

        Args:
            attributes: what.
            name: its name, where that is known only now.
        """

    def end(self, code: str | None = None) -> None:
        """It is over.

        Args:
            code: why it failed, if it did.
        """

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None: ...


class _Nothing:
    """Of a request that is not traced: costs nothing and tells nothing."""

    trace_id = ""

    @property
    def headers(self) -> dict[str, str]:
        return {}

    def child(self, now: Current, name: str, kind: Kind) -> Span:  # noqa: ARG002
        return self

    def tell(self, attributes: Mapping[str, Value], name: str | None = None) -> None:
        pass

    def end(self, code: str | None = None) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        pass


NOTHING: Span = _Nothing()


def code_of(error: BaseException | None) -> str | None:
    """Why a span failed; whoever closes a stream early makes nothing fail."""
    if error is None or isinstance(error, GeneratorExit):
        return None
    return error.code if isinstance(error, ApiError) else type(error).__name__
