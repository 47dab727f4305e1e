"""A web application that costs nothing until somebody asks it for something."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from importlib import import_module
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class LazyASGIApp:
    """An ASGI application that is imported and built when its first request comes.

    Schedulers, triggerers and workers load plugins too, and never serve a page: they are spared the web framework.

    :param module: the module to import
    :param builder: the name of a function in it that takes nothing and returns an ASGI application
    """

    def __init__(self, module: str, builder: str) -> None:
        self._module = module
        self._builder = builder
        self._built: Application | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on."""
        if self._built is None:
            self._built = getattr(import_module(self._module), self._builder)()
        await self._built(scope, receive, send)
