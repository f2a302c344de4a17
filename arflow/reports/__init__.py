"""SQL. Reports as of the end of any date, computed from what was recorded up to then; nothing is stored for them."""
