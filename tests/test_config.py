"""The settings: all are read, all are told, and what cannot be read is one line."""

import re
from pathlib import Path

import pytest

from arflow import config
from arflow.errors import Refused

PAGE = Path(__file__).parents[1] / "docs" / "operations.md"
CODE = Path(__file__).parents[1]


def test_the_page_tells_of_every_setting() -> None:
    """With the words of the code."""
    rows = re.findall(r"^\| `(ARFLOW_\w+)` \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert config.VARIABLES == dict(rows)


def test_nobody_else_reads_the_environment() -> None:
    """No other file of the code names a variable of ours but by its name in config."""
    files = [*(CODE / "arflow").rglob("*.py"), *(CODE / "workers").rglob("*.py")]
    reading = re.compile(r"environ(?:\.get\(|\[)\s*[\"']ARFLOW_")
    assert [] == [str(path) for path in files if path.name != "config.py" and reading.search(path.read_text("utf-8"))]


def test_every_setting_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each variable changes the settings."""
    for variable in config.VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    plain, own = config.from_environment(), {config.PROXIES: "1", config.SMTP_SECONDS: "7", config.HTTPS: "yes"}
    for variable in config.VARIABLES:
        with monkeypatch.context() as patched:
            patched.setenv(variable, own.get(variable, str(tmp_path)))
            assert plain != config.from_environment(), variable


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        (config.PROXIES, "one"),
        (config.PROXIES, "-1"),
        (config.PROXIES, "11"),
        (config.PROXIES, "\u0663"),
        (config.SMTP_SECONDS, "0"),
        (config.SMTP_SECONDS, "61"),
        (config.SMTP_SECONDS, "99999999999999"),
        (config.SMTP_SECONDS, "9" * 5000),
        (config.HTTPS, "on"),
    ],
)
def test_a_setting_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Refused, match=rf"{variable} is .*, not `{value[:400]}") as refused:
        config.from_environment()
    assert 1 == len(str(refused.value).splitlines())


@pytest.mark.parametrize(("value", "seconds"), [("", 30), ("1", 1), ("060", 60)])
def test_a_mail_server_has_up_to_a_minute(monkeypatch: pytest.MonkeyPatch, value: str, seconds: int) -> None:
    monkeypatch.setenv(config.SMTP_SECONDS, value)
    assert seconds == config.from_environment().smtp_seconds


def test_a_home_that_is_an_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would become folders of that name; what may stand behind the scheme, such as a password, is not repeated."""
    monkeypatch.setenv(config.HOME, "postgresql://ada:secret@db/arflow")
    with pytest.raises(Refused, match=r"ARFLOW_HOME is a folder, not an address such as `postgresql://\.\.\.`"):
        config.from_environment()


def test_no_password_is_in_what_settings_look_like() -> None:
    url = "scheme://ada:secret@host/1"
    settings = config.Settings(home=Path("/home"), database_url=url, redis_url=url, smtp_url=url)
    assert "secret" not in repr(settings)
