"""Every setting, with its name, its default and what it may be."""

from __future__ import annotations

import importlib.util
import os
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from proxy.settings.addresses import (
    check_base_url,
    check_certificates,
    check_collector,
    is_origin,
)
from proxy.settings.redis_address import RedisAddress, read_redis_url

LARGEST_LIMIT = 1_000_000_000
"""Above it a bucket's micro-units (limit x 10^6) would leave the integers a double can hold."""
SIMULATED_KEY = "simulated"
"""Not a secret: the key that `serve` hands to the simulated ChatGPT it starts."""

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Limit = Annotated[int, Field(ge=0, le=LARGEST_LIMIT)]


def _cores() -> int:
    """The cores this process may use; on systems that cannot tell, all there are."""
    may_use = getattr(os, "sched_getaffinity", None)
    return len(may_use(0)) if may_use else os.cpu_count() or 1


class Settings(BaseModel):
    """All settings, validated; secrets hide themselves when printed."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)

    # What it stands between
    openai_api_key: SecretStr = Field(alias="OPENAI_API_KEY")
    openai_api_key_next: SecretStr | None = Field(None, alias="OPENAI_API_KEY_NEXT")
    upstream_allow_http: bool = Field(default=False, alias="PROXY_UPSTREAM_ALLOW_HTTP")
    openai_base_url: str = Field("https://api.openai.com/v1", alias="OPENAI_BASE_URL")
    openai_organization: str | None = Field(None, alias="OPENAI_ORGANIZATION")
    openai_project: str | None = Field(None, alias="OPENAI_PROJECT")
    upstream_ca_file: str | None = Field(None, alias="PROXY_UPSTREAM_CA_FILE")
    upstream_profile: Literal["openai", "compatible"] = Field(
        "openai", alias="PROXY_UPSTREAM_PROFILE"
    )
    redis_url: SecretStr = Field(alias="REDIS_URL")
    redis_sentinel_password: SecretStr | None = Field(None, alias="PROXY_REDIS_SENTINEL_PASSWORD")

    # Where it listens and whom it lets in
    host: str = Field("127.0.0.1", alias="PROXY_HOST")
    port: int = Field(8080, ge=0, le=65_535, alias="PROXY_PORT")
    workers: int = Field(default_factory=_cores, ge=1, le=1024, alias="WEB_CONCURRENCY")
    auth: Literal["keys", "open"] = Field("keys", alias="PROXY_AUTH")
    admin_token: SecretStr | None = Field(None, alias="PROXY_ADMIN_TOKEN")
    token_secret: SecretStr | None = Field(None, alias="PROXY_TOKEN_SECRET")
    cors_origins: tuple[str, ...] = Field((), alias="PROXY_CORS_ORIGINS")

    wrong_key_delay: float = Field(2.0, ge=0, le=60, alias="PROXY_WRONG_KEY_DELAY")

    # Conversations
    default_model: str = Field("gpt-6-luna", min_length=1, alias="PROXY_DEFAULT_MODEL")
    session_ttl: int = Field(30 * 86_400, ge=60, le=366 * 86_400, alias="PROXY_SESSION_TTL")
    context_max_tokens: int = Field(0, ge=0, alias="PROXY_CONTEXT_MAX_TOKENS")
    message_max_chars: int = Field(200_000, ge=1, alias="PROXY_MESSAGE_MAX_CHARS")
    body_max_bytes: int = Field(1_048_576, ge=1024, alias="PROXY_BODY_MAX_BYTES")
    v1_body_max_bytes: int = Field(20_971_520, ge=1024, alias="PROXY_V1_BODY_MAX_BYTES")
    body_deadline: Seconds = Field(10, alias="PROXY_BODY_DEADLINE")
    json_max_depth: int = Field(64, ge=4, le=512, alias="PROXY_JSON_MAX_DEPTH")
    turn_lease: Seconds = Field(30, alias="PROXY_TURN_LEASE")
    turn_log_ttl: Seconds = Field(600, alias="PROXY_TURN_LOG_TTL")
    heartbeat: Seconds = Field(15, alias="PROXY_HEARTBEAT")
    write_timeout: Seconds = Field(30, alias="PROXY_WRITE_TIMEOUT")

    # Limits: a minute's worth, 0 for none; a burst of 0 is a minute's worth
    key_rpm: Limit = Field(600, alias="PROXY_KEY_RPM")
    key_tpm: Limit = Field(200_000, alias="PROXY_KEY_TPM")
    key_burst: Limit = Field(0, alias="PROXY_KEY_BURST")
    upstream_rpm: Limit = Field(0, alias="PROXY_UPSTREAM_RPM")
    upstream_tpm: Limit = Field(0, alias="PROXY_UPSTREAM_TPM")

    upstream_cushion: float = Field(0.05, ge=0, le=0.9, alias="PROXY_UPSTREAM_CUSHION")
    wait_max: float = Field(60, ge=0, le=3600, alias="PROXY_WAIT_MAX")
    wait_max_per_caller: int = Field(128, ge=0, alias="PROXY_WAIT_MAX_PER_CALLER")
    wait_max_per_worker: int = Field(1024, ge=0, alias="PROXY_WAIT_MAX_PER_WORKER")
    usage_retention: int = Field(400 * 86_400, ge=86_400, alias="PROXY_USAGE_RETENTION")

    # Patience, in seconds
    upstream_connect_timeout: Seconds = Field(5, alias="PROXY_UPSTREAM_CONNECT_TIMEOUT")
    upstream_read_timeout: Seconds = Field(60, alias="PROXY_UPSTREAM_READ_TIMEOUT")
    upstream_total_timeout: Seconds = Field(300, alias="PROXY_UPSTREAM_TOTAL_TIMEOUT")
    upstream_stream_timeout: Seconds = Field(900, alias="PROXY_UPSTREAM_STREAM_TIMEOUT")
    upstream_max_bytes: int = Field(33_554_432, ge=1024, alias="PROXY_UPSTREAM_MAX_BYTES")
    upstream_breaker_failures: int = Field(5, ge=1, alias="PROXY_UPSTREAM_BREAKER_FAILURES")
    upstream_breaker_open: Seconds = Field(1, alias="PROXY_UPSTREAM_BREAKER_OPEN")
    upstream_breaker_open_max: Seconds = Field(30, alias="PROXY_UPSTREAM_BREAKER_OPEN_MAX")
    redis_connect_timeout: Seconds = Field(0.25, alias="PROXY_REDIS_CONNECT_TIMEOUT")
    redis_timeout: Seconds = Field(0.5, alias="PROXY_REDIS_TIMEOUT")
    redis_wait_replicas: int = Field(0, ge=0, le=16, alias="PROXY_REDIS_WAIT_REPLICAS")
    redis_max_connections: int = Field(64, ge=1, alias="PROXY_REDIS_MAX_CONNECTIONS")
    redis_breaker_failures: int = Field(5, ge=1, alias="PROXY_REDIS_BREAKER_FAILURES")
    redis_breaker_pause: Seconds = Field(1, alias="PROXY_REDIS_BREAKER_PAUSE")
    on_store_failure: Literal["closed", "local"] = Field("closed", alias="PROXY_ON_STORE_FAILURE")
    graceful_timeout: int = Field(30, ge=0, le=3600, alias="PROXY_GRACEFUL_TIMEOUT")

    # What a worker takes upon itself
    max_requests_per_worker: int = Field(
        8000, ge=1, le=1_000_000, alias="PROXY_MAX_REQUESTS_PER_WORKER"
    )
    max_streams_per_worker: int = Field(
        4000, ge=1, le=1_000_000, alias="PROXY_MAX_STREAMS_PER_WORKER"
    )
    recycle_after: int = Field(0, ge=0, alias="PROXY_RECYCLE_AFTER")

    # What it says
    metrics_token: SecretStr | None = Field(None, alias="PROXY_METRICS_TOKEN")
    metrics_keys: bool = Field(default=False, alias="PROXY_METRICS_KEYS")
    log_format: Literal["json", "console"] = Field("json", alias="PROXY_LOG_FORMAT")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", alias="PROXY_LOG_LEVEL")

    traces_url: str | None = Field(None, alias="PROXY_TRACES_URL")
    traces_upstream: bool = Field(default=False, alias="PROXY_TRACES_UPSTREAM")
    log_messages: bool = Field(default=False, alias="PROXY_LOG_MESSAGES")

    # config/models.toml and config/personas.toml, as they stand; domain/ gives them their meaning
    models: dict[str, Any] = Field(default_factory=dict, alias="models.toml")
    personas: dict[str, Any] = Field(default_factory=dict, alias="personas.toml")

    @field_validator("openai_api_key", "openai_api_key_next")
    @classmethod
    def _key_is_one_word(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        key = value.get_secret_value().strip()
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError("must be one word of printable ASCII, as OpenAI shows it")
        return SecretStr(key)

    @field_validator("admin_token", "token_secret", "metrics_token")
    @classmethod
    def _secret_is_long(cls, value: SecretStr | None) -> SecretStr | None:
        token = value.get_secret_value() if value else ""
        one_word = token.isascii() and token.isprintable() and " " not in token
        if value and (len(token) < 32 or not one_word):
            raise ValueError("must be one word of at least 32 printable ASCII characters")
        return value

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _origins_are_listed(cls, value: object) -> object:
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @field_validator("cors_origins")
    @classmethod
    def _origins_are_exact(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "*" in value:
            raise ValueError(
                "cannot be '*', which lets every page on the web in: name the origins of your own "
                "pages, such as https://app.example.com"
            )
        if not all(map(is_origin, value)):
            raise ValueError(
                "must list origins as browsers send them, such as https://app.example.com or "
                "http://localhost:5173: lower case, no path, no slash at the end, no default port"
            )
        return value

    @field_validator("openai_base_url")
    @classmethod
    def _base_url_is_plain(cls, value: str, info: ValidationInfo) -> str:
        return check_base_url(value, allow_http=info.data.get("upstream_allow_http", False))

    @field_validator("traces_url")
    @classmethod
    def _traces_can_be_sent(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if importlib.util.find_spec("opentelemetry") is None:
            raise ValueError("needs OpenTelemetry: pip install -r requirements-otel.txt")
        return check_collector(value)

    @field_validator("upstream_ca_file")
    @classmethod
    def _ca_file_holds_certificates(cls, value: str | None) -> str | None:
        if value:
            check_certificates(value)
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_url_is_known(cls, value: SecretStr) -> SecretStr:
        read_redis_url(value.get_secret_value())
        return value

    @property
    def redis(self) -> RedisAddress:
        """Where Redis is."""
        return read_redis_url(self.redis_url.get_secret_value())

    @property
    def upstream_keys(self) -> tuple[str, ...]:
        """The keys that ChatGPT is asked with: the one, and its successor if there is one."""
        keys = (self.openai_api_key, self.openai_api_key_next)
        return tuple(key.get_secret_value() for key in keys if key)

    @property
    def simulated(self) -> bool:
        """Whether the key is the one that stands for the simulated ChatGPT of a first run."""
        return self.openai_api_key.get_secret_value() == SIMULATED_KEY


ENVIRONMENT_NAMES = frozenset(
    str(field.alias)
    for field in Settings.model_fields.values()
    if field.alias and not field.alias.endswith(".toml")
)
"""Every environment variable that is a setting."""
