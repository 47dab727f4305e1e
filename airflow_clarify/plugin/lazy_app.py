"""Defer the import of a web application until its first request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from importlib import import_module
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class LazyASGIApp:
    """Import and build an ASGI application at its first request.

    Schedulers, triggerers and workers load plugins too, but never serve a page, so they need not import the web
    framework.

    :param module: the module to import
    :param builder: the name of a function in it without parameters that returns an ASGI application
    """

    def __init__(self, module: str, builder: str) -> None:
        self._module = module
        self._builder = builder
        self._built: Application | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request to the application, which the first request builds.

        :param scope: of the ASGI request
        :param receive: receives its messages
        :param send: sends the messages of the response
        """
        if self._built is None:
            self._built = getattr(import_module(self._module), self._builder)()
        await self._built(scope, receive, send)
