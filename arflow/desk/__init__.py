"""Who the people are and what they recorded: users, queues, sessions, who reaches what. SQL; no change of state."""
