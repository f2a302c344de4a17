"""SQL. What came from outside: files read through profiles, compared with what is recorded, checked, written as events.

Nothing is invented and nothing decided here: no state changes, and an account that was touched is only made due.
"""
