"""`arflow up`: the servers and processes of one machine, started, watched and ended together. Nothing is decided here.

`supervisor` starts the others, each a child process of this interpreter: `postgres` and `valkey` keep the embedded
servers, `server` the pages; ticker and workers are those of `workers/`.
"""
