"""Every route says who may use it, and nobody else can."""

import re

import pytest

from arflow.web import create_app
from arflow.web.app import BLUEPRINTS
from arflow.web.pages import PUBLIC, SIGNED_IN, Directory, Pages
from tests.web.conftest import Site, settings_for

pytestmark = pytest.mark.database

ROLES = ("admin", "caller", "lead", "policy_owner")
OPEN = {
    "assets.file",
    "health.healthz",
    "layout.set_theme",
    "sign_in.log_in",
    "sign_in.try_log_in",
    "sign_in.log_out",
    "sign_in.link_page",
    "sign_in.use_link",
    "sign_in.first_page",
    "sign_in.make_first",
}
"""The only routes for those who are not logged in."""


def test_only_these_routes_need_no_log_in() -> None:
    declared = {name: said for pages in BLUEPRINTS for name, said in pages.declared.items()}
    assert OPEN == {name for name, said in declared.items() if said.roles & PUBLIC}


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


def addresses(site: Site) -> list[tuple[str, str, str]]:
    """Method, address and endpoint of every route, with something in its places."""
    found = []
    for rule in site.app.url_map.iter_rules():
        path = re.sub(r"<(?:int:)[^>]+>", "1", rule.rule)
        path = re.sub(r"<[^>]+>", "x", path)
        found += [(method, path, rule.endpoint) for method in sorted((rule.methods or set()) & {"GET", "POST"})]
    return found


def test_each_wrong_role_gets_403_and_nobody_the_log_in(site: Site) -> None:
    """On every route and method there is; with the right secret of the form, so that nothing else stops it."""
    directory: Directory = site.app.extensions["directory"]
    people = {role: site.user(f"the-{role.replace('_', '-')}", role) for role in ROLES}
    secrets = {role: visitor.secret() for role, visitor in people.items()}
    nobody, looked = site.anybody(), 0
    for method, path, endpoint in addresses(site):
        if directory.is_public(endpoint):
            continue
        for role, visitor in people.items():
            if not directory.may_use(endpoint, SIGNED_IN | PUBLIC | {role}):
                answer = visitor.client.open(path, method=method, data={"csrf_token": secrets[role]})
                assert 403 == answer.status_code, (method, path, role)
                looked += 1
        answer = nobody.client.open(path, method=method)
        if method == "GET":
            assert (303, "/log-in") == (answer.status_code, answer.location.partition("?")[0]), path
        else:
            assert 401 == answer.status_code, path
            assert "<h1>Log in</h1>" in answer.text
    assert looked > 50
