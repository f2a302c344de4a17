"""The pages of callers: lists of accounts, the account's page, and a form for everything that people do there."""

from arflow.web.callers import account_page, doings, lists, talks
from arflow.web.callers.blueprint import pages

__all__ = ["BLUEPRINTS", "account_page", "doings", "talks"]

BLUEPRINTS = (lists.pages, pages)
