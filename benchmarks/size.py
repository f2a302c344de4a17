"""How much is measured: the full size within an hour, or little within five minutes."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is measured; each benchmark keeps its own two numbers."""

    quick: bool = False

    @property
    def rounds(self) -> int:
        """How many rounds each side gets."""
        return 3 if self.quick else 5
