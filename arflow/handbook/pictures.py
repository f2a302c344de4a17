"""State diagrams of the policies that come with arflow, as a page shows them."""

from pathlib import Path

import arflow
from arflow.errors import Refused, did_you_mean
from arflow.rules.edges import diagram
from arflow.rules.loader import load_policy

FOLDER = Path(arflow.__file__).parent / "rules"


def diagram_of(name: str) -> str:
    """The diagram of the policy `name` that comes with arflow, such as `standard-usd`, as a block of Mermaid."""
    path = FOLDER / f"{name}.yaml"
    if not path.is_file():
        known = sorted(path.stem for path in FOLDER.glob("*.yaml"))
        raise Refused(f"no policy `{name}` comes with arflow{did_you_mean(name, known)}")
    return f"```mermaid\n{diagram(load_policy(path.read_bytes(), file=str(path)))}```\n"
