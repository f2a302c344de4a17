"""The pages of callers: lists of accounts, promises, disputes, notices, and an account's page with all its forms."""

from arflow.web.callers import account_page, agreement_pages, doings, lists, notice_pages, talks
from arflow.web.callers.blueprint import pages

__all__ = ["BLUEPRINTS", "account_page", "doings", "talks"]

BLUEPRINTS = (lists.pages, agreement_pages.pages, notice_pages.pages, pages)
