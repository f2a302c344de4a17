"""PURE. What should happen now: facts, expressions, policies, evaluators, wakes. No clock, database, log or environment."""
