"""SQL. Tables, migrations, and the account as rows. Nothing here decides anything; only `advance` writes a state."""
