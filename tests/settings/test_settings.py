"""Settings: the environment over the files over the defaults; secrets do not show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.errors import SettingsError
from proxy.settings import (
    ENVIRONMENT_NAMES,
    FILE_NAMES,
    Settings,
    given,
    load,
    load_for_store,
    read_redis_url,
    unknown_names,
)

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-canary-5f0c2e7d9b1a4c68"
PASSWORD = "canary-of-redis"
REDIS_URL = f"redis://:{PASSWORD}@127.0.0.1:6379/0"


def loaded(folder: Path, **environment: str) -> Settings:
    """The settings of this environment and of the files in this folder."""
    return load(
        {
            "OPENAI_API_KEY": KEY,
            "REDIS_URL": REDIS_URL,
            "PROXY_CONFIG_DIR": str(folder),
            **environment,
        }
    )


def test_a_setting_that_nobody_sets_has_its_default(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    assert (settings.port, settings.auth, settings.key_rpm) == (8080, "keys", 600)


def test_a_file_wins_over_the_default(tmp_path: Path) -> None:
    (tmp_path / "proxy.toml").write_text("port = 9000\n")
    (tmp_path / "limits.toml").write_text("key_rpm = 7\n")
    settings = loaded(tmp_path)
    assert (settings.port, settings.key_rpm) == (9000, 7)


def test_the_environment_wins_over_a_file(tmp_path: Path) -> None:
    (tmp_path / "proxy.toml").write_text("port = 9000\n")
    assert loaded(tmp_path, PROXY_PORT="9001").port == 9001


def test_an_empty_variable_is_one_that_is_not_set(tmp_path: Path) -> None:
    (tmp_path / "proxy.toml").write_text("port = 9000\n")
    assert loaded(tmp_path, PROXY_PORT="", OPENAI_PROJECT="").port == 9000


def test_the_shipped_files_are_right() -> None:
    assert load({"OPENAI_API_KEY": KEY, "REDIS_URL": REDIS_URL}).models["models"]


def test_the_key_may_stand_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text(f"{KEY}\n")
    settings = loaded(tmp_path, OPENAI_API_KEY="", OPENAI_API_KEY_FILE=str(secret))
    assert settings.openai_api_key.get_secret_value() == KEY


def test_the_key_and_its_file_may_agree(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text(KEY)
    assert loaded(tmp_path, OPENAI_API_KEY=f"{KEY} ", OPENAI_API_KEY_FILE=str(secret))


def test_the_key_and_its_file_must_not_differ(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("sk-another-canary")
    with pytest.raises(SettingsError) as refused:
        loaded(tmp_path, OPENAI_API_KEY_FILE=str(secret))
    assert str(refused.value) == (
        "OPENAI_API_KEY and OPENAI_API_KEY_FILE hold different keys: unset one of them."
    )


def test_the_file_may_hold_the_key_s_successor_too(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text(f"{KEY}\r\n\nsk-next\n")
    settings = loaded(tmp_path, OPENAI_API_KEY="", OPENAI_API_KEY_FILE=str(secret))
    assert settings.upstream_keys == (KEY, "sk-next")
    assert "sk-next" not in repr(settings)


@pytest.mark.parametrize("text", ["", "\n", "sk-1\nsk-2\nsk-3"])
def test_a_key_file_holds_one_key_or_two(tmp_path: Path, text: str) -> None:
    secret = tmp_path / "key"
    secret.write_text(text)
    with pytest.raises(SettingsError, match="must hold the key, or two of them on a line each"):
        loaded(tmp_path, OPENAI_API_KEY="", OPENAI_API_KEY_FILE=str(secret))


def test_a_key_file_that_is_not_text_is_told(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=r"cannot read .*key: it is not text\.$"):
        loaded(tmp_path, OPENAI_API_KEY="", OPENAI_API_KEY_FILE=str(secret))


@pytest.mark.parametrize("name", sorted(FILE_NAMES - {"OPENAI_API_KEY_FILE"}))
def test_every_other_secret_may_stand_in_a_file_too(tmp_path: Path, name: str) -> None:
    secret = tmp_path / "secret"
    value = "redis://127.0.0.1/7" if name == "REDIS_URL_FILE" else "s" * 32
    secret.write_text(f"{value}\n")
    setting = name.removesuffix("_FILE")
    settings = loaded(tmp_path, **{setting: "", name: str(secret)})
    assert value in {
        getattr(settings, field).get_secret_value()
        for field, known in type(settings).model_fields.items()
        if known.alias == setting
    }


def test_another_secret_s_file_holds_one_line(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("one\ntwo\n")
    with pytest.raises(SettingsError, match="must hold the value and nothing else"):
        loaded(tmp_path, PROXY_ADMIN_TOKEN_FILE=str(secret))


def test_commands_for_redis_alone_bear_a_key_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text(KEY)
    environment = {"REDIS_URL": "redis://127.0.0.1", "OPENAI_API_KEY_FILE": str(secret)}
    assert load_for_store(environment).openai_api_key.get_secret_value() == KEY


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "limits.toml").mkdir()
    with pytest.raises(SettingsError, match=r"limits\.toml cannot be read: Is a directory\.$"):
        loaded(tmp_path)


@pytest.mark.parametrize("key", [f"{KEY}\n", f" {KEY}", f"{KEY}\r\n"])
def test_space_round_the_key_is_dropped(tmp_path: Path, key: str) -> None:
    assert loaded(tmp_path, OPENAI_API_KEY=key).openai_api_key.get_secret_value() == KEY


def test_secrets_hide_themselves(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    for shown in (repr(settings), str(settings), settings.model_dump_json(), f"{settings}"):
        assert KEY not in shown
        assert PASSWORD not in shown


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        loaded(tmp_path).port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1",
        "redis://127.0.0.1:6379/15",
        "redis://ada:p%2Fw@[::1]:6379?db=3",
        "rediss://redis.example:6380/0?ssl_ca_certs=/etc/ca.pem",
        "unix:///run/redis.sock",
        "unix:///run/redis.sock?db=2",
        "redis+sentinel://one.example,two.example:26380/chats",
        "rediss+sentinel://ada:p%2Fw@[::1]:26379/chats/3?ssl_ca_certs=/etc/ca.pem",
        "redis+cluster://one.example:7000,two.example",
        "rediss+cluster://:secret@one.example/0?ssl_check_hostname=false",
    ],
)
def test_a_redis_may_be_named_so(tmp_path: Path, url: str) -> None:
    assert loaded(tmp_path, REDIS_URL=url).redis_url.get_secret_value() == url


def test_of_several_servers_each_has_its_url() -> None:
    url = "rediss+sentinel://ada:p%2Fw@[::1],two.example:26380/chats/3?ssl_ca_certs=/etc/ca.pem"
    address = read_redis_url(url)
    first, second = address.places
    assert (address.kind, address.service) == ("sentinel", "chats")
    assert address.of_sentinel(first, "") == "rediss://[::1]:26379?ssl_ca_certs=/etc/ca.pem"
    assert address.of_sentinel(second, "a/b") == (
        "rediss://:a%2Fb@two.example:26380?ssl_ca_certs=/etc/ca.pem"
    )
    assert address.of_server(("10.0.0.7", 6379)) == (
        "rediss://ada:p%2Fw@10.0.0.7:6379/3?ssl_ca_certs=/etc/ca.pem"
    )
    assert "p%2Fw" not in repr(address)


def test_a_base_url_ends_without_a_slash(tmp_path: Path) -> None:
    settings = loaded(tmp_path, OPENAI_BASE_URL="http://127.0.0.1:9/v1/")
    assert settings.openai_base_url == "http://127.0.0.1:9/v1"


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1",
        "https://192.0.2.7:8443",
        "https://[2001:db8::7]/openai/v1",
        "http://localhost:8000/v1",
        "http://127.0.0.2:8000/v1",
        "http://[::1]:8000/v1",
    ],
)
def test_chatgpt_may_be_named_so(tmp_path: Path, url: str) -> None:
    assert loaded(tmp_path, OPENAI_BASE_URL=url).openai_base_url == url


def test_another_machine_may_be_asked_in_the_clear_if_that_is_said(tmp_path: Path) -> None:
    url = "http://vllm.internal:8000/v1"
    settings = loaded(tmp_path, OPENAI_BASE_URL=url, PROXY_UPSTREAM_ALLOW_HTTP="true")
    assert settings.openai_base_url == url


def test_what_talks_to_redis_alone_needs_no_upstream_key(tmp_path: Path) -> None:
    environment = {"REDIS_URL": REDIS_URL, "PROXY_CONFIG_DIR": str(tmp_path)}
    assert load_for_store(environment).redis_url.get_secret_value() == REDIS_URL


def test_what_is_given_is_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "proxy.toml").write_text("port = 9000\n")
    told = given({"REDIS_URL": REDIS_URL, "PROXY_CONFIG_DIR": str(tmp_path)})
    assert told == {"PROXY_PORT", "REDIS_URL"}


def test_a_variable_that_is_misspelt_is_told() -> None:
    known = dict.fromkeys(ENVIRONMENT_NAMES, "x")
    assert unknown_names(known | {"PROXY_PROT": "1", "PROXY_URL": "x", "PATH": "x"}) == [
        "PROXY_PROT"
    ]
