"""Tries a policy on the accounts that there are, before it is used: what would have happened, and what will.

The same accounts are lived twice with the core of production, in memory: once under what is active now, and once with
the policy in the place of the active one of its name, or beside the others where none is. Nothing is written. Two
questions are asked, each of which can be left out:

- the past: everything that was recorded is lived anew, from the beginning of each account, with the one policy and the
  other in force all the time. Of other names the policies are active as they were activated. As in a replay messages
  arrive at once, payments are complete and no fuse blows. Each recorded event comes when it became known, so there is
  no past from before the first import;
- ahead: what happens in the next days if the policy is activated now, and if it is not, as a forecast has it: delivery
  is on, payments are complete, messages arrive where there is an address, and nothing else is recorded.

Two lives differ where one thing happens under the one that does not under the other, or on another day; which rule did
it, and at what time of the day, makes no difference.
"""
