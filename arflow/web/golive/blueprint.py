"""The blueprint of going live."""

from arflow.web.pages import Pages

LONGEST_REASON = 500

pages = Pages("golive", __name__, roles={"lead", "admin"}, url_prefix="/go-live")
