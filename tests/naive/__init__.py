"""A second replay, written from the contract alone: slow, plain, and without any of the first one's code.

It shares only what reads documents (`arflow.rules`' loader and expressions, `arflow.accounts.events`) and the words.
It walks from act_at to act_at and from event to event, and makes every fact anew each time from the events so far.
"""
