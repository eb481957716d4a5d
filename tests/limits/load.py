"""Load: many clients that ask again as soon as they are answered; answers counted by status.

Its arguments are the service's port, a client key and how many clients. It says `ready` when all
are connected, begins at a line on standard input, and ends, with the counts as JSON, at its end.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections import Counter

BODY = b'{"message": "Hello"}'


def answer(client: socket.socket) -> tuple[int, bytes]:
    """Read an answer to its end; its status and body."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        raw += received(client)
    head, body = raw.split(b"\r\n\r\n", 1)
    (length,) = (
        int(line.partition(b":")[2])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    )
    while len(body) < length:
        body += received(client)
    return int(head.split(b" ", 2)[1]), body


def received(client: socket.socket) -> bytes:
    """Some bytes."""
    chunk = client.recv(65_536)
    if not chunk:
        raise ConnectionError("The service closed the connection before its answer was whole.")
    return chunk


def main(port: int, key: str, clients: int) -> None:
    """Ask until standard input ends."""
    request = (
        b"POST /chat HTTP/1.1\r\nHost: load\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s"
    ) % (key.encode(), len(BODY), BODY)
    counts: list[Counter[int]] = []
    begin, end = threading.Event(), threading.Event()

    def ask(client: socket.socket) -> None:
        counted: Counter[int] = Counter()
        begin.wait()
        with client:
            while not end.is_set():
                client.sendall(request)
                status, _ = answer(client)
                counted[status] += 1
        counts.append(counted)

    threads = [
        threading.Thread(target=ask, args=(socket.create_connection(("127.0.0.1", port)),))
        for _ in range(clients)
    ]
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    sys.stdin.readline()
    begin.set()
    sys.stdin.read()
    end.set()
    for thread in threads:
        thread.join()
    print(json.dumps(sum(counts, Counter())))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
