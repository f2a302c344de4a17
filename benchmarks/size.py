"""How much is measured: the full size within an hour, or little within five minutes."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is measured; each benchmark keeps its own two numbers."""

    quick: bool = False
    peers: Path = Path(__file__).parents[1] / ".venv-peers"
    """The environment of the peers, which `setup/peers` makes."""

    @property
    def rounds(self) -> int:
        """How many rounds each side gets."""
        return 3 if self.quick else 5
