"""Processing jobs: what is known of each, and how one is run."""

from __future__ import annotations

import json
import logging
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from sagemaker_stand_in.containers import Container
from sagemaker_stand_in.logs import Logs
from sagemaker_stand_in.rules import ML_FOLDER, host_count, selected_instance
from sagemaker_stand_in.storage import Storage, StorageError

log = logging.getLogger(__name__)

DEFAULT_MAX_RUNTIME = 86_400
MESSAGE_LENGTH = 1024
#: How often a job looks after its containers.
TICK = 0.02
INTERNAL_ERROR = "InternalServerError: We encountered an internal error. Please try again."
ALGORITHM_ERROR = "AlgorithmError: See job logs for more information, exit code: {}"


class JobStopped(Exception):  # noqa: N818 (it is how the job learns of it, not an error)
    """Somebody stopped the job."""


@dataclass(frozen=True)
class Settings:
    """How jobs are run.

    :param command: what an image runs whose entry point the job does not replace
    :param start_after: seconds until the container starts
    :param end_after: seconds that a job takes at least
    :param stop_grace: seconds between SIGTERM and SIGKILL
    :param keep_folders: whether what stands for /opt/ml is kept until the stand-in ends
    :param without_containers: whether jobs run nothing, and only wait to be told that they have completed
    """

    command: Sequence[str]
    start_after: float
    end_after: float
    stop_grace: float
    keep_folders: bool
    without_containers: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a job ended."""

    status: str
    failure_reason: str | None = None
    exit_message: str | None = None


#: The faults that come instead of the container.
_OUTCOMES_OF_FAULTS = {
    "internal-error": Outcome("Failed", INTERNAL_ERROR),
    "stopped": Outcome("Stopped"),
    "failed": Outcome("Failed", ALGORITHM_ERROR.format(1), "The stand-in was told to fail this job."),
    "failed-without-reason": Outcome("Failed"),
}


@dataclass
class Job:
    """A processing job.

    :param request: what CreateProcessingJob was given
    :param fault: what is to go wrong with it
    :param folders: what stands for /opt/ml, on each host
    :param pids: the processes of its containers
    """

    name: str
    region: str
    arn: str
    request: dict[str, Any]
    tags: dict[str, str]
    fault: str | None
    root: Path
    status: str = "InProgress"
    created: float = field(default_factory=time.time)
    started: float | None = None
    ended: float | None = None
    modified: float = field(default_factory=time.time)
    failure_reason: str | None = None
    exit_message: str | None = None
    pids: list[int] = field(default_factory=list)
    stop_requested: threading.Event = field(default_factory=threading.Event)
    #: Set when a job without containers is to end, in whichever way.
    told: threading.Event = field(default_factory=threading.Event)
    #: Set when the stand-in itself ends: nobody waits for the job any longer.
    abandoned: bool = False
    finished: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def folders(self) -> list[Path]:
        """What stands for /opt/ml, on each host."""
        return [self.root / host for host in self.hosts]

    @property
    def folder(self) -> Path:
        """What stands for /opt/ml on the first host."""
        return self.folders[0]

    @property
    def hosts(self) -> list[str]:
        """The names of its instances."""
        return [f"algo-{number}" for number in range(1, host_count(self.request) + 1)]

    def stop(self) -> str:
        """Ask the job to stop.

        :return: the status that it had
        """
        with self.lock:
            before = self.status
            if before == "InProgress":
                self.status, self.modified = "Stopping", time.time()
                self.stop_requested.set()
                self.told.set()
            return before

    def complete(self) -> None:
        """Tell a job without containers that it has completed."""
        self.told.set()

    def start(self) -> None:
        """Note that the containers start."""
        with self.lock:
            self.started = self.modified = time.time()

    def finish(self, outcome: Outcome) -> None:
        """Note how the job ended. Whoever was told that it is stopping finds it stopped."""
        with self.lock:
            if self.status == "Stopping" and outcome.status != "Stopped":
                outcome = Outcome("Stopped", exit_message=outcome.exit_message)
            self.failure_reason, self.exit_message = outcome.failure_reason, outcome.exit_message
            self.ended = self.modified = time.time()
            self.status = outcome.status
        self.finished.set()

    def described(self) -> dict[str, Any]:
        """Return the answer to DescribeProcessingJob."""
        with self.lock:
            described = {name: member for name, member in self.request.items() if name != "Tags" and member is not None}
            described.setdefault("StoppingCondition", {"MaxRuntimeInSeconds": DEFAULT_MAX_RUNTIME})
            described["ProcessingResources"] = _with_selected_instance(described["ProcessingResources"])
            return described | self._state() | _present({"ProcessingStartTime": self.started})

    def summary(self) -> dict[str, Any]:
        """Return the job's entry in the answer to ListProcessingJobs."""
        with self.lock:
            return {"ProcessingJobName": self.name} | self._state()

    def _state(self) -> dict[str, Any]:
        return _present(
            {
                "ProcessingJobArn": self.arn,
                "ProcessingJobStatus": self.status,
                "CreationTime": self.created,
                "ProcessingEndTime": self.ended,
                "LastModifiedTime": self.modified,
                "FailureReason": self.failure_reason,
                "ExitMessage": self.exit_message,
            }
        )


class Run:
    """One job as it is carried out, in a thread of its own.

    :param slots: as many as jobs may run at once; None if all may
    """

    def __init__(
        self, job: Job, settings: Settings, storage: Storage, logs: Logs, slots: threading.Semaphore | None
    ) -> None:
        self._job, self._settings, self._storage, self._logs, self._slots = job, settings, storage, logs, slots
        self._in_a_hurry = job.fault == "finished-at-once"

    def __call__(self) -> None:
        """Run the job to its end, whatever that is."""
        job = self._job
        try:
            outcome = self._outcome()
            if not self._in_a_hurry:
                self._wait(job.created + self._settings.end_after)
        except JobStopped:
            outcome = Outcome("Stopped", exit_message=self._exit_message("replace"))
        except StorageError as error:
            outcome = Outcome("Failed", f"ClientError: {error}"[:MESSAGE_LENGTH], self._exit_message("replace"))
        except Exception:
            log.exception("Job %s", job.name)
            outcome = Outcome("Failed", INTERNAL_ERROR)
        if not self._settings.keep_folders:
            shutil.rmtree(job.root, ignore_errors=True)
        job.finish(outcome)

    def _outcome(self) -> Outcome:
        if not self._in_a_hurry:
            self._wait(self._job.created + self._settings.start_after)
        instead = _OUTCOMES_OF_FAULTS.get(self._job.fault or "")
        if instead is not None:
            return instead
        self._take_slot()
        try:
            return self._run()
        finally:
            if self._slots is not None:
                self._slots.release()

    def _run(self) -> Outcome:
        if self._settings.without_containers:
            return self._run_nothing()
        for number, folder in enumerate(self._job.folders):
            self._prepare(folder, number)
        self._job.start()
        codes = self._watch(self._start_containers())
        if codes is None:
            return Outcome("Stopped")
        # SageMaker also uploads what a container has left that failed.
        self._upload()
        try:
            message = self._exit_message()
        except UnicodeDecodeError:
            # Documented: if the data in this file isn't UTF-8 encoded, the job fails and returns a ClientError.
            return Outcome("Failed", "ClientError: The exit message is not encoded in UTF-8.")
        failed = next((code for code in codes if code), None)
        if failed is None:
            return Outcome("Completed", exit_message=message)
        return Outcome("Failed", ALGORITHM_ERROR.format(failed), message)

    def _run_nothing(self) -> Outcome:
        self._job.start()
        self._job.told.wait()
        self._pause()
        return Outcome("Completed")

    # --- Before ---------------------------------------------------------------------------------------------------

    def _take_slot(self) -> None:
        while self._slots is not None and not self._slots.acquire(timeout=TICK):
            self._pause()

    def _prepare(self, folder: Path, number: int) -> None:
        """Make what a container finds under /opt/ml."""
        request, hosts = self._job.request, self._job.hosts
        for name in ("config", "output", "processing"):
            (folder / name).mkdir(parents=True)
        _write_json(folder / "config" / "processingjobconfig.json", request)
        _write_json(folder / "config" / "resourceconfig.json", {"current_host": hosts[number], "hosts": hosts})
        for one in request.get("ProcessingInputs") or []:
            source = one["S3Input"]
            target = _outside(folder, source["LocalPath"])
            target.mkdir(parents=True, exist_ok=True)
            sharded = source.get("S3DataDistributionType") == "ShardedByS3Key"
            shard = slice(number, None, len(hosts)) if sharded else slice(None)
            self._storage.download(source["S3Uri"], target, shard, request["RoleArn"], self._pause)
        self._prepare_joined_files(folder)
        for one in self._outputs():
            _outside(folder, one["LocalPath"]).mkdir(parents=True, exist_ok=True)

    def _prepare_joined_files(self, folder: Path) -> None:
        """Download files of predictions and of facets, which Clarify's image reads from S3 itself.

        The process that runs in its place gets them where a job with another image has them as inputs.
        """
        inputs = folder / "processing" / "input"
        try:
            configuration = json.loads((inputs / "config" / "analysis_config.json").read_text())
        except (OSError, ValueError):
            return
        for key, name in (("predicted_label_dataset_uri", "predicted_label"), ("facet_dataset_uri", "facet")):
            uri = configuration.get(key) if isinstance(configuration, dict) else None
            if isinstance(uri, str) and not (inputs / name).exists():
                (inputs / name).mkdir()
                self._storage.download(uri, inputs / name, slice(None), self._job.request["RoleArn"], self._pause)

    def _start_containers(self) -> list[Container]:
        request, seconds = self._job.request, int(time.time())
        application = request["AppSpecification"]
        # As `docker run --entrypoint` does it.
        entry_point = application.get("ContainerEntrypoint") or self._settings.command
        command = [*entry_point, *(application.get("ContainerArguments") or [])]
        environment = request.get("Environment") or {}
        containers = []
        for host, folder in zip(self._job.hosts, self._job.folders, strict=True):
            container = Container(command, folder, environment, self._writer(f"{self._job.name}/{host}-{seconds}"))
            containers.append(container)
            if container.pid is not None:
                self._job.pids.append(container.pid)
        return containers

    def _writer(self, stream: str) -> Callable[[str], None]:
        return lambda line: self._logs.write(self._job.region, stream, line)

    # --- While it runs --------------------------------------------------------------------------------------------

    def _watch(self, containers: list[Container]) -> list[int] | None:
        """Wait until all have ended.

        :return: their exit codes; None when they took too long
        """
        condition = self._job.request.get("StoppingCondition") or {}
        deadline = time.monotonic() + condition.get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME)
        try:
            while (codes := _codes(containers)) is None:
                if time.monotonic() > deadline:
                    log.info("Job %s ran for longer than it may", self._job.name)
                    return None
                self._pause(TICK)
            return codes
        finally:
            self._end(containers)

    def _end(self, containers: list[Container]) -> None:
        """End what still runs: gently at first, unless nobody waits any longer."""
        grace_ends = time.monotonic() + self._settings.stop_grace
        if not self._job.abandoned:
            for container in containers:
                container.send(signal.SIGTERM)
        while _codes(containers) is None:
            if self._job.abandoned or time.monotonic() > grace_ends:
                for container in containers:
                    container.send(signal.SIGKILL)
            time.sleep(TICK)

    def _pause(self, seconds: float = 0) -> None:
        if self._job.stop_requested.wait(seconds):
            raise JobStopped

    def _wait(self, until: float) -> None:
        self._pause(max(0.0, until - time.time()))

    # --- After ----------------------------------------------------------------------------------------------------

    def _upload(self) -> None:
        if self._job.fault == "missing-output":
            return
        for folder in self._job.folders:
            for one in self._outputs():
                self._storage.upload(_outside(folder, one["LocalPath"]), one["S3Uri"], self._as_uploaded, self._pause)

    def _as_uploaded(self, path: Path, content: bytes) -> bytes:
        if self._job.fault == "truncated-output" and path.name == "analysis.json":
            return content[: len(content) // 2]
        return content

    def _outputs(self) -> list[dict[str, Any]]:
        config = self._job.request.get("ProcessingOutputConfig") or {}
        return [one["S3Output"] for one in config.get("Outputs") or []]

    def _exit_message(self, errors: str = "strict") -> str | None:
        """Return the message of the containers. Documented: concatenated, then cut."""
        files = [folder / "output" / "message" for folder in self._job.folders]
        return "".join(file.read_text("utf-8", errors) for file in files if file.is_file())[:MESSAGE_LENGTH] or None


class Jobs:
    """All jobs of all regions. A name is unique in its region.

    :param slots: how many may run at once; None is no limit
    """

    def __init__(self, settings: Settings, storage: Storage, logs: Logs, slots: int | None) -> None:
        self._settings, self._storage, self._logs = settings, storage, logs
        self._slots = None if slots is None else threading.Semaphore(slots)
        self._lock = threading.Lock()
        self._jobs: dict[tuple[str, str], Job] = {}
        self._threads: list[threading.Thread] = []
        self._folder = tempfile.TemporaryDirectory(prefix="sagemaker-stand-in-", ignore_cleanup_errors=True)

    def start(self, region: str, arn: str, request: dict[str, Any], fault: str | None) -> Job | None:
        """Start a job.

        :return: None if there is one of this name
        """
        name = request["ProcessingJobName"]
        tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags") or []}
        job = Job(name, region, arn, request, tags, fault, Path(self._folder.name) / region / name)
        run = threading.Thread(
            target=Run(job, self._settings, self._storage, self._logs, self._slots), name=f"job-{name}", daemon=True
        )
        with self._lock:
            if (region, name) in self._jobs:
                return None
            self._jobs[region, name] = job
            self._threads = [*(thread for thread in self._threads if thread.is_alive()), run]
            run.start()
        return job

    def find(self, region: str, name: str) -> Job | None:
        """Return the job of this name."""
        with self._lock:
            return self._jobs.get((region, name))

    def all(self) -> list[Job]:
        """Every job there ever was, the oldest first."""
        with self._lock:
            return list(self._jobs.values())

    def close(self) -> None:
        """End all that run, and remove their folders."""
        for job in self.all():
            job.abandoned = True
            job.stop()
            job.stop_requested.set()
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(timeout=30)
        self._folder.cleanup()


def _codes(containers: list[Container]) -> list[int] | None:
    codes = [container.exit_code() for container in containers]
    return None if None in codes else [code for code in codes if code is not None]


def _outside(folder: Path, path: str) -> Path:
    """Where a path of the container is outside of it."""
    return folder / PurePosixPath(path).relative_to(ML_FOLDER)


def _with_selected_instance(resources: dict[str, Any]) -> dict[str, Any]:
    cluster = resources["ClusterConfig"]
    selected = selected_instance(cluster)
    if not selected:
        return resources
    count = selected.get("InstanceCount", cluster.get("InstanceCount"))
    return {
        "ClusterConfig": {
            **cluster,
            "SelectedInstanceType": selected["InstanceType"],
            "SelectedInstanceCount": count,
        }
    }


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2), encoding="utf-8")


def _present(members: dict[str, Any]) -> dict[str, Any]:
    return {name: member for name, member in members.items() if member is not None}
