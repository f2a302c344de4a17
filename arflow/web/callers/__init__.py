"""The pages of callers: lists of accounts, promises and disputes, and the account's page with a form for everything."""

from arflow.web.callers import account_page, agreement_pages, doings, lists, talks
from arflow.web.callers.blueprint import pages

__all__ = ["BLUEPRINTS", "account_page", "doings", "talks"]

BLUEPRINTS = (lists.pages, agreement_pages.pages, pages)
