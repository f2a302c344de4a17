"""PURE. The life of one account: causes come in, in order; passes decide, step and send; every decision is recorded.

Production and replay run exactly this code. Nothing here reads a clock: each instant comes in with its cause.
"""
