"""Thin. Pages over the doors and queries: parse, call, render. No rule, no SQL and no change of state here."""
