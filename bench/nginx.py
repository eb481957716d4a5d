"""A ChatGPT that costs almost nothing: nginx, which answers every question alike."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Self

from bench.targets import listens
from proxy.embedded import Child
from tests.support.service import free_port
from tests.support.waiting import wait_until

_ANSWER = (
    '{"id":"chatcmpl-bench","object":"chat.completion","created":1700000000,"model":"gpt-6-luna",'
    '"choices":[{"index":0,"message":{"role":"assistant","content":"%s","refusal":null,'
    '"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":19,'
    '"completion_tokens":100,"total_tokens":119,"prompt_tokens_details":{"cached_tokens":0,'
    '"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}},'
    '"service_tier":"default","system_fingerprint":"fp_bench"}'
) % ("An answer of a hundred words or so. " * 12)
_CONFIGURATION = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000; keepalive_timeout 600;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    add_header x-request-id req_bench;
    add_header x-ratelimit-limit-requests 30000000;
    add_header x-ratelimit-remaining-requests 29999999;
    add_header x-ratelimit-reset-requests 1ms;
    add_header x-ratelimit-limit-tokens 900000000;
    add_header x-ratelimit-remaining-tokens 899999999;
    add_header x-ratelimit-reset-tokens 1ms;
    location / {{ default_type application/json; return 200 '{answer}'; }}
  }}
}}
"""


class Nginx:
    """nginx on 127.0.0.1, from start to stop.

    Raises:
        RuntimeError: it is not installed.
    """

    def __enter__(self) -> Self:
        program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
        if program is None:
            raise RuntimeError("The benchmark needs nginx: apt-get install nginx-light.")
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="chat-proxy-nginx-"))
        file = self._folder / "nginx.conf"
        file.write_text(
            _CONFIGURATION.format(folder=self._folder, port=self.port, answer=_ANSWER), "utf-8"
        )
        errors = str(self._folder / "start")
        self._child = Child((program, "-e", errors, "-c", str(file)))
        wait_until(lambda: listens(self.port), "nginx to listen")
        return self

    def __exit__(self, *_: object) -> None:
        self._child.stop()
        shutil.rmtree(self._folder)

    @property
    def url(self) -> str:
        """The base URL for a service."""
        return f"http://127.0.0.1:{self.port}/v1"
