"""PURE. What may follow what: states, moves and their guards as data. No clock, database, log or environment here."""
