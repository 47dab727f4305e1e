"""The files of the page "Bias", and the headers that keep it on a short lead.

There is no route here that returns data: see :mod:`airflow_clarify.plugin`.
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

#: The views of the page, as they stand in its address.
VIEWS = ("verdict", "history", "gates")

#: What stands in the built page where each answer gets a number of its own.
NONCE_PLACEHOLDER = "__CSP_NONCE__"

#: The name of a file in here changes whenever its content does.
_HASHED = "public, max-age=31536000, immutable"
_ICONS = "public, max-age=3600"

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def create_app() -> FastAPI:
    """The application that serves the page."""
    app = FastAPI(title="Bias", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/{view}", response_class=HTMLResponse)
    def page(view: str) -> HTMLResponse:
        if view not in VIEWS:
            raise HTTPException(404)
        nonce = secrets.token_urlsafe(16)
        # Read each time: after an upgrade in place it names other assets.
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
    """The content security policy of the page: our own files, Airflow's API, and nothing else.

    :param nonce: lets the page add style sheets of its own at run time
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
    """The files of a folder, with how long a browser may keep them.

    :param folder: served as it is, without anything outside of it
    :param control: the header ``Cache-Control`` of what was found
    """

    def __init__(self, folder: Path, control: str) -> None:
        super().__init__(directory=folder)
        self._control = control

    def file_response(self, *arguments: Any, **options: Any) -> Any:
        """Answer with a file."""
        response = super().file_response(*arguments, **options)
        response.headers["Cache-Control"] = self._control
        return response


class Headers:
    """Adds what every answer carries, also one that says that there is no such file.

    :param app: what answers
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, and add the headers to its answer."""

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _ALWAYS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'self'")
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, with_headers)
