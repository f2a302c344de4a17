"""The message templates that `send` may name. Their texts belong to delivery; a policy is checked against the names."""

KNOWN = frozenset(
    {
        "courtesy-note",
        "first-reminder",
        "second-reminder",
        "final-reminder",
        "promise-broken",
        "thank-you",
    }
)
