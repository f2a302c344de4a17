"""The pages of finance leads: how many accounts and how much money stand where, now and at the end of any past day."""

from arflow.web.leads import behind, figures, flow_pages, measure_pages, mistyped, owner_pages
from arflow.web.leads.blueprint import pages
from arflow.web.pages import Pages

__all__ = ["BLUEPRINTS", "behind", "figures", "flow_pages", "measure_pages", "mistyped", "owner_pages"]

BLUEPRINTS: tuple[Pages, ...] = (pages,)
