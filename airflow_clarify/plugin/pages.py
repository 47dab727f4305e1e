"""Serve the files of the page "Bias", with restrictive security headers.

No route returns data: see :mod:`airflow_clarify.plugin`.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import MutableHeaders

from airflow_clarify.plugin.lazy_app import Application, Receive, Scope, Send

STATIC = Path(__file__).with_name("static")

#: The views of the page, as named in its URL.
VIEWS = ("verdict", "history", "gates")

#: Placeholder in the built page that is replaced by a new nonce in each response.
NONCE_PLACEHOLDER = "__CSP_NONCE__"

#: For files whose name contains a hash of their content.
_HASHED = "public, max-age=31536000, immutable"
_ICONS = "public, max-age=3600"

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def create_app() -> FastAPI:
    """Create the application that serves the page."""
    app = FastAPI(title="Bias", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/{view}", response_class=HTMLResponse)
    def page(view: str) -> HTMLResponse:
        if view not in VIEWS:
            raise HTTPException(404)
        nonce = secrets.token_urlsafe(16)
        # Read for each request, because an upgrade in place changes the names of its assets.
        index = (STATIC / "index.html").read_text(encoding="utf-8")
        return HTMLResponse(
            index.replace(NONCE_PLACEHOLDER, nonce),
            headers={"Content-Security-Policy": build_page_policy(nonce), "Cache-Control": "no-store"},
        )

    app.mount("/assets", Cached(STATIC / "assets", _HASHED))
    app.mount("/icons", Cached(STATIC / "icons", _ICONS))
    app.add_middleware(Headers)
    return app


def build_page_policy(nonce: str) -> str:
    """Build the content security policy of the page: its own files and Airflow's API only.

    :param nonce: allows the page to add style sheets at run time
    """
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            f"style-src 'self' 'nonce-{nonce}'",
            "img-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'self'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


class Cached(StaticFiles):
    """Serve the files of a folder with a ``Cache-Control`` header.

    :param folder: the folder; files outside of it are not served
    :param control: the header of successful responses
    """

    def __init__(self, folder: Path, control: str) -> None:
        super().__init__(directory=folder)
        self._control = control

    def file_response(self, *arguments: Any, **options: Any) -> Any:
        """Build the response with a file; the parameters are those of the base class."""
        response = super().file_response(*arguments, **options)
        response.headers["Cache-Control"] = self._control
        return response


class Headers:
    """Add security headers to every response, including errors.

    :param app: the application
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request to the application, and add the headers to its response.

        :param scope: of the ASGI request
        :param receive: receives its messages
        :param send: sends the messages of the response
        """

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _ALWAYS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'self'")
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, with_headers)
