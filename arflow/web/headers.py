"""What every answer says to browsers: nothing from elsewhere, nothing inline, in no frame, kept nowhere."""

from flask import Flask, Response, request

from arflow.web.settings import Settings

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; "
    "img-src 'self' data:"  # the arrows and ticks of the style sheet are data: pictures
)

_ALWAYS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def add_headers(app: Flask) -> None:
    """Let every answer of `app` say so."""

    @app.after_request
    def say(response: Response) -> Response:
        known: Settings = app.extensions["arflow"]
        response.headers.update(_ALWAYS)
        response.headers.setdefault("Cache-Control", "no-store")
        if known.is_https or request.is_secure:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        if "HX-Request" in request.headers and response.status_code >= 400:  # noqa: PLR2004  # a whole page, not a part
            response.headers.update({"HX-Retarget": "body", "HX-Reswap": "innerHTML"})
        return response
