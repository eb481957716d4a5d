"""Wrong settings, one in each file of bad/: refused with the sentence on the file's first line.

`name.env` is an environment; `proxy.name.toml` stands for proxy.toml, and so on.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from proxy.domain.catalog import Catalog
from proxy.domain.personas import Personas
from proxy.errors import SettingsError
from proxy.settings import load
from tests.support.service import CANARY, ROOT, clean_environment

BAD = sorted((Path(__file__).parent / "bad").iterdir())


def environment_of(bad: Path, folder: Path) -> tuple[dict[str, str], str]:
    """The settings of a bad file, put where they belong, and the sentence they deserve."""
    first, *lines = bad.read_text().splitlines()
    environment = {"OPENAI_API_KEY": CANARY, "REDIS_URL": "redis://127.0.0.1:6379/0"}
    if bad.suffix == ".env":
        environment |= dict(line.split("=", 1) for line in lines)
        return environment, first.removeprefix("# ")
    file = folder / f"{bad.name.partition('.')[0]}.toml"
    file.write_text(bad.read_text())
    environment["PROXY_CONFIG_DIR"] = str(folder)
    return environment, first.removeprefix("# ").format(file=file)


def load_all(environment: dict[str, str]) -> None:
    """Read the settings as a start does."""
    settings = load(environment)
    Catalog(settings.models)
    Personas(settings.personas)


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_wrong_setting_is_refused_with_the_sentence_that_mends_it(
    bad: Path, tmp_path: Path
) -> None:
    environment, sentence = environment_of(bad, tmp_path)
    with pytest.raises(SettingsError) as refused:
        load_all(environment)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    "name",
    [
        "no_key.env",
        "redis_url_with_a_port_that_is_none.env",
        "proxy.not_toml.toml",
        "models.text_for_a_number.toml",
        "personas.without_perspective.toml",
    ],
)
def test_the_service_refuses_to_start_with_that_sentence_alone(name: str, tmp_path: Path) -> None:
    environment, sentence = environment_of(Path(__file__).parent / "bad" / name, tmp_path)
    ended = subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.conf.py", "wsgi:app"],
        cwd=ROOT,
        env=clean_environment(PROXY_PORT="0", **environment),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode != 0
    assert (ended.stdout, ended.stderr) == ("", f"chat-proxy: {sentence}\n")
