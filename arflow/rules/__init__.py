"""PURE. What should happen now: facts, expressions, policies, evaluators. No clock, database, log or environment."""
