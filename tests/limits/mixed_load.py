"""Load on several services: clients of several keys that ask with random costs, one after another.

Its arguments are the services' ports and the client keys, both separated by commas, and how many
clients each key has at each port. It says `ready` when all are connected, begins at a line on
standard input, and ends, with what was answered by key as JSON, at its end.
"""

from __future__ import annotations

import json
import random
import socket
import sys
import threading
from dataclasses import asdict, dataclass

from tests.limits.load import answer


@dataclass
class Answers:
    """What a key was answered: how many requests were let through, refused, and tokens used."""

    granted: int = 0
    refused: int = 0
    others: int = 0
    tokens: int = 0

    def note(self, status: int, body: bytes) -> None:
        """Count an answer."""
        if status == 200:
            self.granted += 1
            self.tokens += json.loads(body)["usage"]["total_tokens"]
        elif status == 429:
            self.refused += 1
        else:
            self.others += 1


def request(key: str, dice: random.Random) -> bytes:
    """A request with a random message and a random length of its answer."""
    message = "word " * dice.randint(1, 40)
    body = json.dumps({"message": message, "max_tokens": dice.randint(16, 200)}).encode()
    head = (
        "POST /chat HTTP/1.1\r\nHost: load\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def main(ports: list[int], keys: list[str], clients: int) -> None:
    """Ask until standard input ends."""
    told = {key: Answers() for key in keys}
    begin, end, counting = threading.Event(), threading.Event(), threading.Lock()

    def ask(client: socket.socket, key: str, dice: random.Random) -> None:
        begin.wait()
        with client:
            while not end.is_set():
                client.sendall(request(key, dice))
                status, body = answer(client)
                with counting:
                    told[key].note(status, body)

    numbers = iter(range(10_000))
    threads = [
        threading.Thread(
            target=ask,
            args=(socket.create_connection(("127.0.0.1", port)), key, random.Random(next(numbers))),
        )
        for port in ports
        for key in keys
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
    print(json.dumps({key: asdict(answers) for key, answers in told.items()}))


if __name__ == "__main__":
    main([int(port) for port in sys.argv[1].split(",")], sys.argv[2].split(","), int(sys.argv[3]))
