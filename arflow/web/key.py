"""The key that signs what browsers carry: made once, kept in arflow's home, readable by its user only."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from arflow.errors import Refused

_NAME = "web.key"
_BYTES = 32


def of_home(home: Path) -> bytes:
    """The key in `home`, made at the first look. Of several processes that make it at once, all get the same."""
    path = home / _NAME
    if not path.exists():
        _make(path)
    key = path.read_bytes()
    if len(key) != _BYTES:
        raise Refused("is not the key that was written; remove it, and another is made", file=str(path))
    return key


def _make(path: Path) -> None:
    """Write the key aside, then give it its name, which only the first one gets."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(aside)
    finally:
        aside.unlink(missing_ok=True)
