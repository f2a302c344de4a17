"""Every route says who may use it, or the app does not start. Whether nobody else can: test_routes.py."""

import pytest

from arflow.web import create_app
from arflow.web.app import BLUEPRINTS
from arflow.web.pages import Pages
from tests.web.conftest import Site, settings_for

pytestmark = pytest.mark.database


def test_a_route_that_does_not_say_who_may_use_it_stops_the_app(site: Site) -> None:
    careless = Pages("careless", __name__)
    careless.get("/careless")(lambda: "")
    with pytest.raises(TypeError, match="does not say who may use it"):
        create_app(settings_for(site.engine), (*BLUEPRINTS, careless))


def test_a_route_for_a_role_that_is_not_there_stops_the_app(site: Site) -> None:
    careless = Pages("careless", __name__, roles={"boss"})
    careless.get("/careless")(lambda: "")
    with pytest.raises(TypeError, match="a role that is not there"):
        create_app(settings_for(site.engine), (*BLUEPRINTS, careless))


def test_a_form_that_is_shown_again_in_no_page_stops_the_app(site: Site) -> None:
    careless = Pages("careless", __name__, roles={"lead"})
    careless.post("/careless", again="nothing")(lambda: "")
    with pytest.raises(TypeError, match="which is not there"):
        create_app(settings_for(site.engine), (*BLUEPRINTS, careless))
