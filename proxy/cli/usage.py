"""`python -m proxy usage`: who used what, from Redis."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from proxy.cli.answers import as_json, one_line
from proxy.cli.redis_store import redis_store
from proxy.domain import usage_report
from proxy.domain.usage import figures
from proxy.errors import InvalidRequest
from proxy.store import usage_reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.domain.usage_report import Report, Span

_COLUMNS = ["REQUESTS", "REFUSED", "UPSTREAM", "SHADOWED", "ERRORS", "TOKENS", "USD", "P95", ""]
_BAR = 20
_EIGHTHS = " ▏▎▍▌▋▊▉"
_DAY_S = 86_400


@click.command()
@click.option(
    "--by",
    type=click.Choice(usage_report.KINDS),
    default="key",
    show_default=True,
    help="Whose usage.",
)
@click.option("--days", type=click.IntRange(1, 3660), help="The last so many days, today included.")
@click.option("--from", "begins", metavar="TIME", help="A date or time of UTC [30 days ago].")
@click.option("--to", "ends", metavar="TIME", help="A date, which is included, or a time [now].")
@click.option(
    "--step",
    type=click.Choice(usage_report.STEPS),
    help="A row for each hour or day [one for the whole time].",
)
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON, as the admin API does.")
@click.option("--csv", "csv_wanted", is_flag=True, help="Print CSV, as the admin API does.")
def usage(
    by: str,
    days: int | None,
    begins: str | None,
    ends: str | None,
    step: str | None,
    *,
    json_wanted: bool,
    csv_wanted: bool,
) -> None:
    """Show who used how much; needs REDIS_URL."""
    if json_wanted and csv_wanted:
        raise click.UsageError("--json and --csv exclude each other.")
    if days and (begins or ends):
        raise click.UsageError("--days excludes --from and --to.")
    if days:
        midnight = int(time.time()) // _DAY_S * _DAY_S
        begins = str(midnight - (days - 1) * _DAY_S)
    report = _read(_span(by, begins, ends, step))
    if json_wanted:
        click.echo(as_json(report.as_json()))
    elif csv_wanted:
        click.echo(report.as_csv(), nl=False)
    else:
        _show(report, steps=step is not None)


def _span(by: str, begins: str | None, ends: str | None, step: str | None) -> Span:
    asked = {"by": by, "from": begins or "", "to": ends or "", "step": step or "day"}
    try:
        return usage_report.span(asked, time.time())
    except InvalidRequest as error:
        said = error.message.replace("'from'", "--from").replace("'to'", "--to")
        raise click.UsageError(said) from None


def _read(span: Span) -> Report:
    """The report; progress is told on a terminal."""
    told = sys.stderr.isatty()

    def tell(done: int, number: int) -> None:
        if told and done:
            click.echo(f"\rReading {100 * done // number} % ", nl=False, err=True)

    with redis_store() as store:
        report = usage_reading.read(store, span, tell)
    if told:
        click.echo("\r\033[K", nl=False, err=True)
    return report


def _show(report: Report, *, steps: bool) -> None:
    from proxy.cli.screen import open_screen  # noqa: PLC0415 - rich is slow to import

    screen = open_screen()
    span = report.span
    told: list[tuple[tuple[str, ...], dict[str, Any]]]
    if steps:
        told = [((_start(row, span), one_line(row.name)), row.shown) for row in report.rows]
    else:
        told = [((one_line(name),), figures(used)) for name, used in report.by_name().items()]
        told.sort(key=lambda row: (-row[1]["total_tokens"], row[0]))
    most = max((shown["total_tokens"] for _, shown in told), default=0)
    heads = ["START"] * steps + [span.by.upper(), *_COLUMNS]
    rows = [(*cells, *_cells(shown), bar(shown["total_tokens"], most)) for cells, shown in told]
    screen.aside(f"{usage_report.stamp(span.begins)} to {usage_report.stamp(span.ends)}")
    if sys.stdout.isatty():
        screen.table(*_narrow(heads, rows))
    else:
        screen.table(heads, [row[:-1] for row in rows])


def _start(row: usage_report.Row, span: Span) -> str:
    return f"{row.start:%Y-%m-%d}" if span.step == "day" else f"{row.start:%Y-%m-%d %H:%M}"


def _cells(shown: dict[str, Any]) -> list[str]:
    p95 = shown["latency"]["p95_s"]
    cost = f"{shown['cost_usd']:.4f}" + ("+" if shown["unpriced_requests"] else "")
    counts = ("requests", "refused", "refused_upstream", "shadowed", "errors", "total_tokens")
    return [*(str(shown[name]) for name in counts), cost, "-" if p95 is None else f"{p95:.2f}s"]


def _narrow(
    heads: Sequence[str], rows: Sequence[Sequence[str]]
) -> tuple[list[str], list[list[str]]]:
    """For a terminal: columns of nothing but zeros left out, numbers to the right."""
    columns = [
        (head, cells)
        for head, *cells in zip(heads, *rows, strict=True)
        if not cells or set(cells) != {"0"}
    ]
    first = len(heads) - len(_COLUMNS)
    aligned = []
    for at, (head, cells) in enumerate(columns):
        width = max(map(len, [head, *cells]))
        numbers = first <= at < len(columns) - 1
        aligned.append([cell.rjust(width) if numbers else cell for cell in cells])
    return [head for head, _ in columns], [list(row) for row in zip(*aligned, strict=True)]


def bar(amount: int, most: int) -> str:
    """A bar as long as its part of the most, to an eighth of a cell; 20 cells at most."""
    eighths = round(_BAR * 8 * amount / most) if most else 0
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")
