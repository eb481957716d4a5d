"""The examples with OpenAI's own SDKs run against the real service."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.examples.running import EXAMPLES, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import NewKey
    from tests.support.service import Service
    from tests.support.simulator import Control

SHOWN = (
    'You said: "Name a river in France."\n'
    'You said: "Name a river in Spain."\n'
    'You said: "My name is Ada."\n'
    "Your name is Ada.\n"
)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example for node, with what it needs."""
    copy = tmp_path_factory.mktemp("examples") / "openai_node"
    shutil.copytree(EXAMPLES / "openai_node", copy, ignore=shutil.ignore_patterns("node_modules"))
    install = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(install, cwd=copy, check=True, timeout=100)
    return copy


def test_the_sdk_for_python_chats_streams_and_remembers(
    service: Service, chatgpt: Control, new_key: NewKey
) -> None:
    done = run([sys.executable, str(EXAMPLES / "openai_python.py")], service.url, new_key())
    assert (done.stdout, done.stderr, done.returncode) == (SHOWN, "", 0)
    assert [sent.streamed for sent in chatgpt.requests()] == [False, True, False, False]


def test_the_sdk_for_node_chats_streams_and_remembers(
    installed: Path, service: Service, chatgpt: Control, new_key: NewKey
) -> None:
    done = run(["npm", "start", "--silent"], service.url, new_key(), cwd=installed)
    assert (done.stdout, done.returncode) == (SHOWN, 0), done.stderr
    assert [sent.streamed for sent in chatgpt.requests()] == [False, True, False, False]
