"""Where settings come from: the environment over config/*.toml over the default."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from proxy.errors import SettingsError
from proxy.settings.fields import ENVIRONMENT_NAMES, SIMULATED_KEY, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEY_NAMES = ("OPENAI_API_KEY", "OPENAI_API_KEY_NEXT")
_SECRET_NAMES = (
    "REDIS_URL",
    "PROXY_REDIS_SENTINEL_PASSWORD",
    "PROXY_ADMIN_TOKEN",
    "PROXY_TOKEN_SECRET",
    "PROXY_METRICS_TOKEN",
)
FILE_NAMES = frozenset(f"{name}_FILE" for name in ("OPENAI_API_KEY", *_SECRET_NAMES))
"""Variables that name a file with a secret, for containers and service managers."""
_PACKAGE = Path(__file__).resolve().parents[1]
CONFIG_DIR = next(
    folder / "config" for folder in (_PACKAGE, _PACKAGE.parent) if (folder / "config").is_dir()
)
"""In the package where it is installed, beside it in a clone."""


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
    known = environ.get("OPENAI_API_KEY_FILE")
    return load(environ if known else {"OPENAI_API_KEY": SIMULATED_KEY, **environ})


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
    known = ENVIRONMENT_NAMES | FILE_NAMES | {"PROXY_CONFIG_DIR", "PROXY_URL", "PROXY_KEY"}
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
    for name in ("OPENAI_API_KEY", *_SECRET_NAMES):
        path = environ.get(f"{name}_FILE")
        if not path:
            continue
        names = _KEY_NAMES if name == "OPENAI_API_KEY" else (name,)
        for each, secret in zip(names, _secrets_in(path, name), strict=False):
            if values.get(each, secret).strip() != secret:
                raise SettingsError(
                    f"{each} and {name}_FILE hold different {_kind(name)}s: unset one of them."
                )
            values[each] = secret
    return values


def _secrets_in(path: str, name: str) -> list[str]:
    """The secrets of a file, one on a line: of the key also its successor."""
    try:
        lines = Path(path).read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise SettingsError(f"{name}_FILE: cannot read {path}: {reason}.") from None
    secrets = [line.strip() for line in lines if line.strip()]
    most = len(_KEY_NAMES) if name == "OPENAI_API_KEY" else 1
    if not 1 <= len(secrets) <= most:
        more = ", or two of them on a line each" if most > 1 else " and nothing else"
        raise SettingsError(f"{name}_FILE: {path} must hold the {_kind(name)}{more}.")
    return secrets


def _kind(name: str) -> str:
    return "key" if name == "OPENAI_API_KEY" else "value"


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
