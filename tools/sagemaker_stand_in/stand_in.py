"""The stand-in as a whole: start it, tell it what is to go wrong, look at what it was asked."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from sagemaker_stand_in.faults import Faults
from sagemaker_stand_in.jobs import Job, Jobs, Settings
from sagemaker_stand_in.logs import Logs
from sagemaker_stand_in.sagemaker import SageMaker
from sagemaker_stand_in.server import Server
from sagemaker_stand_in.services import Services
from sagemaker_stand_in.storage import Storage
from sagemaker_stand_in.validation import service_model

DEFAULT_COMMAND = (sys.executable, "-m", "airflow_clarify.cli", "analyze")


class StandIn:
    """A stand-in for SageMaker that is up from ``with`` to the end of its block.

    :param s3_endpoint: the S3 that jobs read from and write to
    :param access_key: the access key for it
    :param secret_key: the secret key for it
    :param account: the account that everything is in
    :param region: the region of the S3; requests may come for any region
    :param command: what a container runs, unless the job replaces its entry point
    :param start_after: seconds until the container of a job starts
    :param end_after: seconds that a job takes at least
    :param port: where it listens; 0 takes a free port
    :param host: the address where it listens
    :param stop_grace: seconds between SIGTERM and SIGKILL (SageMaker: 120)
    :param max_running: how many jobs run at once, while the others wait; None is no limit
    :param keep_folders: keep what stands for /opt/ml until the stand-in ends, not only until the job does
    :param without_containers: jobs run nothing until ``complete`` ends them: a thousand of them are cheap
    """

    def __init__(
        self,
        s3_endpoint: str,
        access_key: str,
        secret_key: str,
        account: str = "111122223333",
        region: str = "us-east-1",
        command: Sequence[str] | None = None,
        start_after: float = 0.0,
        end_after: float = 0.0,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        stop_grace: float = 2.0,
        max_running: int | None = None,
        keep_folders: bool = True,
        without_containers: bool = False,
    ) -> None:
        settings = Settings(
            command or DEFAULT_COMMAND, start_after, end_after, stop_grace, keep_folders, without_containers
        )
        self._faults, logs = Faults(), Logs(account)
        self._server: Server | None = None
        self._jobs = Jobs(settings, Storage(s3_endpoint, access_key, secret_key, region), logs, max_running)
        self._services = Services(account, SageMaker(account, self._jobs, self._faults), logs, self._faults)
        self._address = (host, port)

    def __enter__(self) -> StandIn:
        # Read before the first request, which would wait for it.
        service_model("sagemaker")
        self._server = Server(self._address, self._services, self._control)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="stand-in", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()
        self._jobs.close()

    @property
    def endpoint(self) -> str:
        """Its URL, which takes the place of every AWS endpoint."""
        assert self._server is not None, "the stand-in is up only inside of `with`"
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    # --- What is to go wrong ------------------------------------------------------------------------------------

    def fail(self, operation: str, kind: str, times: int = 1) -> None:
        """Let the next calls of an operation fail.

        :param kind: ``throttle``, ``server-error``, ``unavailable``, ``access-denied``, ``expired-token``,
            ``lost-connection`` (before the request is carried out) or ``lost-answer`` (after it)
        """
        if operation not in self._services.operations:
            raise ValueError(f"{operation!r} is not one of {', '.join(sorted(self._services.operations))}")
        self._faults.add_to_calls(operation, kind, times)

    def fail_job(self, kind: str, times: int = 1, name_prefix: str = "") -> None:
        """Let the next jobs that are created go wrong.

        :param kind: ``internal-error``, ``stopped``, ``failed``, ``failed-without-reason`` (these end the job in place
            of the container), ``missing-output``, ``truncated-output`` or ``finished-at-once``
        :param name_prefix: only jobs whose names begin so
        """
        self._faults.add_to_jobs(kind, times, name_prefix)

    def clear_faults(self) -> None:
        """Forget the faults that have not happened yet."""
        self._faults.clear()

    def complete(self, name_prefix: str = "") -> int:
        """End jobs that have no containers.

        :param name_prefix: only jobs whose names begin so
        :return: how many there are of that name
        """
        jobs = [job for name, job in self.jobs.items() if name.startswith(name_prefix)]
        for job in jobs:
            job.complete()
        return len(jobs)

    # --- What happened ------------------------------------------------------------------------------------------

    @property
    def calls(self) -> Counter[str]:
        """How often each operation was called, with or without success."""
        return self._services.calls()

    @property
    def jobs(self) -> dict[str, Job]:
        """The jobs by name."""
        return {job.name: job for job in self._jobs.all()}

    def requests(self, operation: str) -> list[dict[str, Any]]:
        """Return the requests of an operation that were carried out, in their order; of many, the last."""
        return self._services.accepted(operation)

    def wait(self, name: str, timeout: float = 60) -> str:
        """Wait until a job has ended.

        :return: its status
        """
        job = self.jobs[name]
        if not job.finished.wait(timeout):
            raise TimeoutError(f"the job {name} is {job.status} after {timeout} s")
        return job.status

    def _control(self, method: str, what: str, document: Any) -> tuple[int, dict[str, Any]]:
        match method, what:
            case "GET", "health":
                return 200, {"status": "up"}
            case "GET", "calls":
                return 200, dict(self.calls)
            case "POST", "complete":
                return 200, {"jobs": self.complete(document["name_prefix"])}
            case "GET", "faults":
                return 200, self._faults.document()
            case "POST", "faults":
                self._add_fault(document)
                return 200, self._faults.document()
            case "DELETE", "faults":
                self.clear_faults()
                return 200, self._faults.document()
        return 404, {"message": f"there is no {method} {what}"}

    def _add_fault(self, document: Any) -> None:
        """Add a fault that came as JSON: the arguments of ``fail`` or of ``fail_job``."""
        given = set(document) if isinstance(document, dict) else set()
        if {"operation", "fault"} <= given <= {"operation", "fault", "times"}:
            self.fail(document["operation"], document["fault"], document.get("times", 1))
        elif {"job"} <= given <= {"job", "times", "name_prefix"}:
            self.fail_job(document["job"], document.get("times", 1), document.get("name_prefix", ""))
        else:
            raise ValueError(
                'a fault is {"operation": ..., "fault": ..., "times": 1} or {"job": ..., "times": 1, "name_prefix": ""}'
            )
