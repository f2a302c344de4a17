"""PURE. The account as a frozen value: its ledger, what events do to it, and the facts of a policy day.

Nothing here reads a clock, a database, a log or the environment, and nothing here changes a state: that is `life`'s.
"""
