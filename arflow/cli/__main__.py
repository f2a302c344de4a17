"""`python -m arflow.cli` is the `arflow` command."""

from arflow.cli import main

main()
