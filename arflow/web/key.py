"""The key that signs what browsers carry: made once, kept in arflow's home, readable by its user only."""

import os
import secrets
from pathlib import Path

_NAME = "web.key"
_BYTES = 32


def of_home(home: Path) -> bytes:
    """The key in `home`, made at the first look. Of two processes that make it at the same time, both get the same."""
    path = home / _NAME
    try:
        made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read(path)
    with os.fdopen(made, "wb") as file:
        file.write(secrets.token_bytes(_BYTES))
    return _read(path)


def _read(path: Path) -> bytes:
    key = path.read_bytes()
    if len(key) != _BYTES:
        path.unlink()
        return of_home(path.parent)
    return key
