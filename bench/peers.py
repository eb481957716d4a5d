"""The service beside LiteLLM's proxy: `make bench-peers`, which installs it in a venv of its own.

LiteLLM as its documentation sets it up with a master key: no database, no Redis, one worker, so
that it keeps no sessions and no limits. Both ask the same nginx, in turns; then both relay as many
streams at the same time, and chunks a second of their CPU time are compared.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from bench import streams
from bench.answers import ASKED, MANY, Case, cases, keep_away, measured, printed
from bench.load import Load
from bench.machine import keep_to, versions
from bench.targets import Target, listens
from proxy.embedded import Child
from tests.support.service import ROOT, free_port
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

_BIN = ROOT / ".venv-peers" / "bin"
_MASTER_KEY = "sk-bench-master-key"
_STREAMS, _CHUNKS_A_SECOND, _STREAMED_S = 400, 2, 8
"""What LiteLLM can relay on one core; it ends a stream of a hundred chunks that are the same."""
_CONFIGURATION = """
model_list:
  - model_name: gpt-6-luna
    litellm_params: {{model: openai/gpt-6-luna, api_base: "{url}", api_key: bench}}
general_settings: {{master_key: {key}}}
litellm_settings: {{telemetry: false, num_retries: 0}}
"""


@contextmanager
def litellm(upstream_url: str) -> Iterator[Target]:
    """LiteLLM's proxy, one worker."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(_CONFIGURATION.format(url=upstream_url, key=_MASTER_KEY), "utf-8")
        options = f"--config {file} --host 127.0.0.1 --port {port} --num_workers 1"
        child = Child(
            (str(_BIN / "litellm"), *options.split()),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        )
        try:
            wait_until(lambda: listens(port), "LiteLLM to listen", seconds=120)
            yield Target(port, psutil.Process(child.pid))
        finally:
            child.stop()


def relayed() -> None:
    """Print what a relayed stream costs both."""
    load = Load(interval=1 / _CHUNKS_A_SECOND)
    with ExitStack() as held:
        held.callback(load.close)
        peer = held.enter_context(litellm(load.url("LiteLLM")))
        ours = held.enter_context(streams.TARGETS["service"](load))
        asked = streams.posted("/v1/chat/completions", ASKED | {"stream": True}, _MASTER_KEY)
        run = streams.Run(load, {"LiteLLM": peer, "service": ours}, _STREAMS, asked)
        ratios = [streams.compare(run.measure(_STREAMED_S), "LiteLLM") for _ in range(3)]
        run.end()
    print(f"chunks relayed for the same CPU: {statistics.median(ratios):.1f} times LiteLLM's")


def main() -> None:
    """Measure and print a table, and what the service is of LiteLLM."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    asked_version = "from importlib.metadata import version; print(version('litellm'))"
    run = subprocess.check_output([str(_BIN / "python"), "-c", asked_version], text=True)
    print(f"{versions()}, LiteLLM {run.strip()}")
    keep_away()
    with ExitStack() as held:
        asked = cases(held, MANY)
        direct, least, ours, new, _ = asked
        peer = held.enter_context(litellm(direct.url.removesuffix("/chat/completions")))
        keep_to([peer.worker.pid], 0)
        theirs = Case(
            "LiteLLM", peer.url + "/v1/chat/completions", direct.bodies, _MASTER_KEY, peer
        )
        asked = [direct, least, theirs, ours, new]
        measured(asked, options.rounds, options.seconds)
        printed(asked, least, direct)
        added = theirs.added(direct) / max(ours.added(direct), new.added(direct))
        rss = peer.worker.memory_info().rss / (ours.worker or peer).worker.memory_info().rss
        for case in (ours, new):
            many = zip(case.many, theirs.many, strict=True)
            times = statistics.median(own.per_s / its.per_s for own, its in many)
            print(f"{case.name}: {times:.1f} times as many answers as LiteLLM")
        print(f"LiteLLM adds {added:.1f} times as much, and takes {rss:.1f} times the memory")
    relayed()


if __name__ == "__main__":
    main()
