"""`python -m arflow.handbook` makes the generated parts of the documents anew, in the project's folder."""

import sys
from pathlib import Path

from arflow.errors import ArflowError
from arflow.handbook import rewrite


def main() -> int:
    """Rewrite the documents of the working folder; gives the exit status."""
    try:
        changed = list(rewrite(Path()))
    except ArflowError as error:
        sys.stderr.write(f"arflow.handbook: {error}\n")
        return error.exit_code
    sys.stdout.write("".join(f"{name} is new\n" for name in changed) or "everything is as the code says\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
