"""The HTTP server: one address for all services, and for whoever arranges the faults."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sagemaker_stand_in.errors import LostConnection
from sagemaker_stand_in.services import Answer, Services, request_id

log = logging.getLogger(__name__)

#: Thousands of connections that wait to be accepted; the kernel may have a smaller limit.
BACKLOG = 4096
FILES = 16_384
CONTROL = "/_stand_in/"


class Server(ThreadingHTTPServer):
    """The server.

    :param address: host and port; port 0 takes a free one
    :param services: what it serves
    :param control: answers what is asked below ``/_stand_in/``: given the method, what is asked and a document, the
        status and the document that go back
    """

    request_queue_size = BACKLOG
    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self,
        address: tuple[str, int],
        services: Services,
        control: Callable[[str, str, Any], tuple[int, dict[str, Any]]],
    ) -> None:
        _allow_many_files()
        self.services, self.control = services, control
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread of its own."""
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what went wrong; a client that goes away is nothing to speak of."""
        log.debug("A connection ended early: %s", sys.exception())

    def server_close(self) -> None:
        """Close all connections: clients keep theirs open, and would wait."""
        super().server_close()
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server
    # An answer leaves in one piece, at once.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith(CONTROL):
            self._control(body)
            return
        try:
            answer = self.server.services.answer(self.headers, body)  # type: ignore[arg-type]
        except LostConnection:
            self.close_connection = True
            return
        except Exception:
            log.exception("A request could not be served")
            answer = Answer(500, "application/x-amz-json-1.1", b'{"__type": "InternalFailure"}', "InternalFailure")
        self._send(answer)

    def do_GET(self) -> None:
        self._control(b"")

    def do_DELETE(self) -> None:
        self._control(b"")

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)

    def _control(self, body: bytes) -> None:
        try:
            document = json.loads(body or b"null")
            status, answer = self.server.control(self.command, self.path.removeprefix(CONTROL), document)
        except (ValueError, TypeError, KeyError) as error:
            status, answer = 400, {"message": str(error)}
        self._send(Answer(status, "application/json", json.dumps(answer).encode()))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("x-amzn-RequestId", request_id())
        if answer.error is not None:
            self.send_header("x-amzn-errortype", answer.error)
        self.end_headers()
        self.wfile.write(answer.body)


def _allow_many_files() -> None:
    """Let this process have as many connections as a thousand clients need; the usual limit is 1024 files."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
