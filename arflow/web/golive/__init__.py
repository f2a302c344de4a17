"""Going live: the delivery switch, what would go out, and where old debts begin, for leads and admins."""

from arflow.web.golive import forecast_pages, guard_pages, old_debts, switch_pages
from arflow.web.golive.blueprint import pages
from arflow.web.pages import Pages

__all__ = ["BLUEPRINTS", "forecast_pages", "guard_pages", "old_debts", "switch_pages"]

BLUEPRINTS: tuple[Pages, ...] = (pages,)
