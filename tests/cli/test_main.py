"""The terminal's door: help, version, wrong usage."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from proxy import __version__
from proxy.cli.main import COMMANDS, CommandModules, main
from proxy.errors import SettingsError


def test_help_lists_every_command() -> None:
    shown = CliRunner().invoke(main, ["--help"])
    assert shown.exit_code == 0
    assert all(f"  {name} " in shown.output for name in COMMANDS)


def test_the_version_is_the_package_s() -> None:
    assert CliRunner().invoke(main, ["--version"]).output == f"chat-proxy, version {__version__}\n"


def test_an_unknown_command_is_wrong_usage() -> None:
    refused = CliRunner().invoke(main, ["chta"])
    assert refused.exit_code == 2
    assert "No such command 'chta'" in refused.stderr


def test_what_the_project_raises_on_purpose_is_one_line_and_status_1() -> None:
    @click.command()
    def broken() -> None:
        raise SettingsError("REDIS_URL is missing.")

    class Broken(CommandModules):
        def get_command(self, _ctx: click.Context, _cmd_name: str) -> click.Command:
            return broken

    refused = CliRunner().invoke(Broken(), ["broken"])
    assert (refused.exit_code, refused.stderr) == (1, "Error: REDIS_URL is missing.\n")


def test_a_command_loads_nothing_that_others_need() -> None:
    heavy = {"requests", "rich", "prompt_toolkit", "proxy.cli.chat"}
    program = f"import sys, proxy.cli.main; print({heavy!r} & set(sys.modules))"
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert shown.stdout == "set()\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--url", "localhost:8080"], "'localhost:8080' is not like http://127.0.0.1:8080."),
        (["--url", "http://"], "'http://' is not like"),
        (["--url", "http://[::1"], "is not like"),
        (["--key", "sk-proxy a"], "a client key is like sk-proxy-..., in one word."),
        (["--temperature", "3"], "3.0 is not in the range"),
        ([], "Nothing to ask: give TEXT, or pipe it to standard input."),
    ],
)
def test_wrong_options_are_wrong_usage(options: list[str], message: str) -> None:
    refused = CliRunner().invoke(main, ["ask", *options])
    assert refused.exit_code == 2
    assert message in refused.stderr


def test_where_nothing_answers_it_says_how_to_start_one() -> None:
    refused = CliRunner().invoke(main, ["ask", "Hello", "--url", "http://127.0.0.1:9"])
    assert refused.exit_code == 1
    assert refused.stderr == (
        "Error: no chat-proxy answers at http://127.0.0.1:9; "
        "start one with 'make run', or set PROXY_URL\n"
    )
