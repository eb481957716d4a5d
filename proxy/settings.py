"""The one place that reads the environment: environment over config/*.toml over default.

Every setting is a field of `Settings`; its alias is the environment variable, its name the key in
config/proxy.toml or config/limits.toml. docs/settings.md lists them all.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import SplitResult, parse_qs, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from proxy.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIG_DIR = Path(__file__).resolve().parent.parent / "config"
LARGEST_LIMIT = 1_000_000_000
"""Above it a bucket's micro-units (limit x 10^6) would leave the integers a double can hold."""

REDIS_SCHEMES = ("redis", "rediss", "unix")
REDIS_OPTIONS = frozenset({"db"})
"""What may stand behind the question mark: redis-py takes more, and lets it win over ours."""
TLS_OPTIONS = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile"})
"""What may stand there too after rediss://."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")

_HOST = r"(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:]+\])"
_PORT = r"(?::[1-9][0-9]{0,4})?"
_ORIGIN = re.compile(rf"(?:http://{_HOST}(?!:80$)|https://{_HOST}(?!:443$)){_PORT}")

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
    openai_base_url: str = Field("https://api.openai.com/v1", alias="OPENAI_BASE_URL")
    openai_organization: str | None = Field(None, alias="OPENAI_ORGANIZATION")
    openai_project: str | None = Field(None, alias="OPENAI_PROJECT")
    upstream_profile: Literal["openai", "compatible"] = Field(
        "openai", alias="PROXY_UPSTREAM_PROFILE"
    )
    redis_url: SecretStr = Field(alias="REDIS_URL")

    # Where it listens and whom it lets in
    host: str = Field("127.0.0.1", alias="PROXY_HOST")
    port: int = Field(8080, ge=0, le=65_535, alias="PROXY_PORT")
    workers: int = Field(default_factory=_cores, ge=1, le=1024, alias="WEB_CONCURRENCY")
    auth: Literal["keys", "open"] = Field("keys", alias="PROXY_AUTH")
    admin_token: SecretStr | None = Field(None, alias="PROXY_ADMIN_TOKEN")
    token_secret: SecretStr | None = Field(None, alias="PROXY_TOKEN_SECRET")
    cors_origins: tuple[str, ...] = Field((), alias="PROXY_CORS_ORIGINS")

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
    redis_connect_timeout: Seconds = Field(0.25, alias="PROXY_REDIS_CONNECT_TIMEOUT")
    redis_timeout: Seconds = Field(0.5, alias="PROXY_REDIS_TIMEOUT")
    redis_max_connections: int = Field(64, ge=1, alias="PROXY_REDIS_MAX_CONNECTIONS")
    graceful_timeout: int = Field(30, ge=0, le=3600, alias="PROXY_GRACEFUL_TIMEOUT")

    # What it says
    log_format: Literal["json", "console"] = Field("json", alias="PROXY_LOG_FORMAT")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", alias="PROXY_LOG_LEVEL")

    # config/models.toml and config/personas.toml, as they stand; domain/ gives them their meaning
    models: dict[str, Any] = Field(default_factory=dict, alias="models.toml")
    personas: dict[str, Any] = Field(default_factory=dict, alias="personas.toml")

    @field_validator("openai_api_key")
    @classmethod
    def _key_is_one_word(cls, value: SecretStr) -> SecretStr:
        key = value.get_secret_value().strip()
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError("must be one word of printable ASCII, as OpenAI shows it")
        return SecretStr(key)

    @field_validator("admin_token", "token_secret")
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
    def _base_url_is_plain(cls, value: str) -> str:
        url = _split(value)
        if url is None or url.scheme not in {"http", "https"} or not url.hostname:
            raise ValueError("must be a URL such as https://api.openai.com/v1")
        if url.username or url.password or url.query or url.fragment:
            raise ValueError("must hold no user, password, query or fragment")
        return value.rstrip("/")

    @field_validator("redis_url")
    @classmethod
    def _redis_url_is_known(cls, value: SecretStr) -> SecretStr:
        url = _split(value.get_secret_value())
        if url is None or url.scheme not in REDIS_SCHEMES or not _names_a_redis(url):
            raise ValueError(
                "must be a URL such as redis://127.0.0.1:6379/0, rediss://... or unix:///path"
            )
        known = REDIS_OPTIONS | (TLS_OPTIONS if url.scheme == "rediss" else set())
        if not parse_qs(url.query, keep_blank_values=True).keys() <= known:
            raise ValueError(f"may hold after '?' only {', '.join(sorted(known))}")
        return value

    @property
    def simulated(self) -> bool:
        """Whether the key is the one that stands for the simulated ChatGPT of a first run."""
        return self.openai_api_key.get_secret_value() == SIMULATED_KEY


def is_origin(text: str) -> bool:
    """Whether this is an http or https origin, written as browsers send it."""
    return _ORIGIN.fullmatch(text) is not None and _split(text) is not None


def _split(url: str) -> SplitResult | None:
    """A URL's parts, None if it is none: urlsplit's errors repeat parts, maybe of a password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    return None if port == 0 else parts


def _names_a_redis(url: SplitResult) -> bool:
    """Whether it names a host, or a socket's path, and the database by its number if at all."""
    databases = parse_qs(url.query).get("db", [])
    if url.scheme == "unix":
        placed = bool(url.path) and not url.hostname
    else:
        placed = bool(url.hostname)
        databases.append(url.path.removeprefix("/"))
    numbered = all(re.fullmatch("[0-9]*", database) for database in databases)
    return placed and numbered and not url.fragment


SIMULATED_KEY = "simulated"
"""Not a secret: the key that `serve` hands to the simulated ChatGPT it starts."""

ENVIRONMENT_NAMES = frozenset(
    str(field.alias)
    for field in Settings.model_fields.values()
    if field.alias and not field.alias.endswith(".toml")
)
"""Every environment variable that is a setting."""


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read all settings.

    Args:
        environ: the environment to read; the process's own when None.

    Raises:
        SettingsError: a setting is missing or wrong; the message is the sentence that mends it.
    """
    environ = os.environ if environ is None else environ
    values = _from_files(_config_dir(environ)) | _from_environment(environ)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from None


def load_for_store(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of a command that talks to Redis alone: it needs no upstream key.

    Raises:
        SettingsError: as in `load`.
    """
    environ = os.environ if environ is None else environ
    return load({"OPENAI_API_KEY": SIMULATED_KEY, **environ})


def given(environ: Mapping[str, str]) -> set[str]:
    """The names of the settings that the environment or a file sets.

    Raises:
        SettingsError: a file cannot be read.
    """
    return {
        name
        for name, value in (_from_files(_config_dir(environ)) | _from_environment(environ)).items()
        if value
    }


def environment() -> dict[str, str]:
    """A copy of the process's environment, for the processes that `serve` starts."""
    return dict(os.environ)


def unknown_names(environ: Mapping[str, str] | None = None) -> list[str]:
    """The variables that begin with PROXY_ and are no setting: most likely misspelt."""
    environ = os.environ if environ is None else environ
    known = ENVIRONMENT_NAMES | {"PROXY_CONFIG_DIR", "PROXY_URL", "PROXY_KEY"}
    return sorted(name for name in environ if name.startswith("PROXY_") and name not in known)


def _config_dir(environ: Mapping[str, str]) -> Path:
    named = environ.get("PROXY_CONFIG_DIR")
    if named and not Path(named).is_dir():
        raise SettingsError(f"PROXY_CONFIG_DIR names {named!r}, which is not a folder.")
    return Path(named) if named else CONFIG_DIR


def _from_files(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in ("proxy.toml", "limits.toml"):
        for key, value in _read_toml(folder / name).items():
            field = Settings.model_fields.get(key)
            if field is None:
                raise SettingsError(f"{folder / name}: there is no setting {key!r}.")
            values[str(field.alias)] = value
    for name in ("models.toml", "personas.toml"):
        values[name] = _read_toml(folder / name)
    return values


def _read_toml(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}.") from None


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    values = {name: environ[name] for name in ENVIRONMENT_NAMES if environ.get(name)}
    path = environ.get("OPENAI_API_KEY_FILE")
    if path:
        try:
            from_file = Path(path).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise SettingsError(f"OPENAI_API_KEY_FILE: cannot read {path}: {reason}.") from None
        if values.get("OPENAI_API_KEY", from_file).strip() != from_file:
            raise SettingsError(
                "OPENAI_API_KEY and OPENAI_API_KEY_FILE hold different keys: unset one of them."
            )
        values["OPENAI_API_KEY"] = from_file
    return values


_MISSING = {
    "OPENAI_API_KEY": "OPENAI_API_KEY is not set: export it, or name a file that holds it in "
    "OPENAI_API_KEY_FILE. 'make run' works without, on a simulated ChatGPT.",
    "REDIS_URL": "REDIS_URL is not set: export it, such as redis://127.0.0.1:6379/0. "
    "'make run' works without, on an embedded Redis.",
}


def _sentence(error: ValidationError) -> str:
    """The first mistake as a sentence; values are not repeated, they may be secrets."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    name = str(first["loc"][0])
    if first["type"] == "missing":
        return _MISSING[name]
    said = first["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    return f"{name}: {said[0].lower()}{said[1:]}."
