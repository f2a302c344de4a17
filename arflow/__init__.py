"""A workflow engine for overdue customer accounts; the rooms and what may not happen in each are in their `__init__`.

Imports point inwards (`pyproject.toml` says how); nothing is exported here, every name is imported from its own room.
"""
