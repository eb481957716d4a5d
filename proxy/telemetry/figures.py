"""Every figure that the service counts for GET /metrics; docs/observability.md lists them.

Labels are few and never a caller's words: routes, statuses, codes, and of models only those that
are known or have answered.
"""

from __future__ import annotations

from proxy.telemetry.instruments import Counter, Gauge, Histogram, Instrument

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
ROUND_TRIP = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)
MODELS = 48
"""Models that a worker counts apart."""
KEYS = 1_000
"""Client keys, likewise, where PROXY_METRICS_KEYS asks for them."""

requests = Counter(
    "requests", "Requests that were answered.", ("method", "route", "status"), most=1_000
)
request_seconds = Histogram(
    "request_seconds", "Until the head of an answer was ready.", SECONDS, ("route",), most=80
)

turns = Counter(
    "turns",
    "Turns and stateless requests that the limits let through, by how they ended.",
    ("model", "outcome"),
    most=4 * MODELS,
)
turn_seconds = Histogram(
    "turn_seconds",
    "From a request to the end of its whole answer, waiting included; of those answered.",
    SECONDS,
    ("model",),
    most=MODELS,
)
first_word_seconds = Histogram(
    "first_word_seconds",
    "From a request to the first word of a streamed answer, waiting included.",
    SECONDS,
    ("model",),
    most=MODELS,
)
tokens = Counter("tokens", "Tokens that were used.", ("model", "kind"), most=4 * MODELS)
cost = Counter("cost_usd", "What that cost, where the price is known.", ("model",), most=MODELS)
key_turns = Counter("key_turns", "Turns of a client key.", ("key",), most=KEYS)
key_tokens = Counter("key_tokens", "Tokens of a client key.", ("key",), most=KEYS)
key_cost = Counter("key_cost_usd", "What a client key's turns cost.", ("key",), most=KEYS)

refusals = Counter(
    "refusals", "Requests that one of our limits refused, by which.", ("scope", "resource")
)
wait_seconds = Histogram(
    "wait_seconds", "How long requests waited for their turn.", SECONDS, ("outcome",)
)
waiting = Gauge("waiting", "Requests that wait, by whose limit they wait for.", ("scope",))
in_flight = Gauge("in_flight", "Turns that run, without those that wait.")
open_streams = Gauge("open_streams", "Turns that stream, those included that wait.")
connections = Gauge("requests_in_progress", "Requests whose answers are not sent yet.")

upstream_requests = Counter(
    "upstream_requests", "Requests sent to ChatGPT, by the status of its answer.", ("status",)
)
upstream_errors = Counter(
    "upstream_errors", "Failures of ChatGPT, by our code for them.", ("code",)
)
upstream_retries = Counter("upstream_retries", "Second tries.")
upstream_head_seconds = Histogram(
    "upstream_head_seconds", "Until ChatGPT began to answer.", SECONDS
)
upstream_seconds = Histogram("upstream_seconds", "Until ChatGPT's answer was read.", SECONDS)
breaker = Gauge("upstream_breaker", "Workers by the state of their breaker.", ("state",))

redis_seconds = Histogram("redis_seconds", "Round trips to Redis.", ROUND_TRIP)
redis_errors = Counter("redis_errors", "Round trips that failed.")
redis_outage = Gauge("redis_outage", "Workers that refuse at once, for Redis does not answer.")
redis_outages = Counter("redis_outages", "How often that began.")
redis_outage_seconds = Counter("redis_outage_seconds", "How long it lasted, over all workers.")
degraded_seconds = Counter(
    "degraded_seconds", "How long workers enforced their share of the limits by themselves."
)
degraded_requests = Counter(
    "degraded_requests", "Requests that were held against that share alone.", ("outcome",)
)
flush_seconds = Histogram(
    "turn_log_flush_seconds", "Round trips that write the events of streamed turns.", ROUND_TRIP
)
flushed_events = Counter("turn_log_events", "Events of streamed turns that were written.")

ALL: tuple[Instrument, ...] = tuple(
    figure for figure in list(vars().values()) if isinstance(figure, Instrument)
)
