"""The chaos suite: `arflow up` and its servers killed, stopped, wiped and lied to, and nothing lost or twice."""
