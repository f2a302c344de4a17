"""Makes the application: its blueprints in one list, and what every request passes, in order."""

from typing import Any

from flask import Flask, Response, request
from flask_wtf import CSRFProtect
from flask_wtf.csrf import CSRFError
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter, Map

from arflow.web import assets, callers, demo_clock, golive, health, layout, leads, policies, sign_in
from arflow.web.admin import failed_pages, mail_pages, parked_pages, people, queue_pages, system_pages
from arflow.web.browsers import BrowserCookies
from arflow.web.failures import answer_failures
from arflow.web.gate import MOST_FIELDS, guard
from arflow.web.headers import add_headers
from arflow.web.pages import Directory, Pages
from arflow.web.settings import Settings
from arflow.web.transactions import settle

BLUEPRINTS: tuple[Pages, ...] = (
    assets.pages,
    health.pages,
    layout.pages,
    sign_in.pages,
    demo_clock.pages,
    *callers.BLUEPRINTS,
    *leads.BLUEPRINTS,
    *policies.BLUEPRINTS,
    *golive.BLUEPRINTS,
    people.pages,
    queue_pages.pages,
    parked_pages.pages,
    failed_pages.pages,
    mail_pages.pages,
    system_pages.pages,
)
"""All pages; the navigation is ordered by the places that entries name."""

LARGEST_BODY = 4_000_000


class RowNumber(IntegerConverter):
    """The number of a row in an address; what no column holds is no such page."""

    def __init__(self, map: Map) -> None:  # noqa: A002  # Werkzeug's
        super().__init__(map, max=2**63 - 1)


class FormSecrets(CSRFProtect):  # type: ignore[misc]  # Flask-WTF has no types
    """Flask-WTF's check of forms; a page before that is no address is none of ours."""

    def protect(self, *, apply_exemptions: bool = False) -> None:
        """Raise CSRFError unless the form of this request holds its secret and, by https, stood on a page of ours."""
        try:
            super().protect(apply_exemptions=apply_exemptions)
        except ValueError as error:
            raise CSRFError("The referrer is no address.") from error


class Application(Flask):
    """Flask, with the transaction of each request ended before its answer leaves."""

    session_interface = BrowserCookies()

    def dispatch_request(self) -> Response:
        """Run the view; what it wrote stays when it answers with no error."""
        response = self.make_response(super().dispatch_request())
        settle(is_good=response.status_code < 400)  # noqa: PLR2004  # an error, as HTTP counts them
        return response

    def log_exception(self, exc_info: Any) -> None:  # noqa: ANN401  # Flask's
        """Log a mistake of ours by the route's name: an address may hold an account, or the token of a link."""
        self.logger.error("a mistake of ours at %s [%s]", request.endpoint, request.method, exc_info=exc_info)


def create_app(settings: Settings, blueprints: tuple[Pages, ...] = BLUEPRINTS) -> Application:
    """The WSGI application. Raises TypeError when a route does not say who may use it."""
    app, directory = Application(__name__, static_folder=None), Directory(blueprints)
    app.extensions["arflow"], app.extensions["directory"] = settings, directory
    app.url_map.converters["int"] = RowNumber
    app.url_map.merge_slashes = False  # an account's name may hold any
    app.config.update(
        SECRET_KEY=settings.key,
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        MAX_FORM_MEMORY_SIZE=LARGEST_BODY,
        MAX_FORM_PARTS=MOST_FIELDS,
        WTF_CSRF_TIME_LIMIT=None,  # a form lasts as long as the session
    )
    guard(app, directory)
    FormSecrets(app)
    layout.lay_out(app, directory)
    answer_failures(app, directory)
    add_headers(app)
    for pages in blueprints:
        app.register_blueprint(pages)
    app.teardown_request(lambda _: settle(is_good=False))
    directory.check(app)
    if settings.proxies:
        hops = settings.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app
