"""The cost of many deferred jobs in one triggerer: memory, API calls, and the delay after the end of a job.

`airflow triggerer` runs as a process, with its metadata in SQLite and a stand-in for SageMaker on loopback whose jobs
end on request. The tasks are written to the metadata database as deferred: to send a thousand of them
through a scheduler and workers first would take half an hour, and makes no difference to a triggerer.

    airflow_clarify  ClarifyJobTrigger: all jobs of a connection share a client, which makes 10 calls a second at most
    amazon provider  SageMakerTrigger: each job has its own client and its own schedule; at the same time, with another
                     triggerer and stand-in

    memory           USS of the triggerer's two processes, without jobs, with a tenth of them, and with all. The first
                     job loads the provider; what a job costs is the difference between a tenth and all
    calls            of DescribeProcessingJob, while all jobs are running
    throttling       the effect of a burst of throttling on the rate, while all jobs are running
    delay            from the end of a job to its task's row being scheduled: trigger, triggerer and database together
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
#: Throttled answers in a row.
BURST = 10
BLOCKED = re.compile(rb"thread was blocked for ([\d.]+) seconds")


@dataclass
class Figures:
    """What was measured of one contender.

    :param jobs: how many
    :param megabytes: by number of jobs
    :param calls_a_minute: with all jobs running
    :param throttled: calls a second, in tens of seconds from a burst of throttling on
    :param delays: seconds, of each job
    :param other_events: tasks that were not woken by a job that has completed
    :param blocked: how often the triggerer's log says that the event loop was blocked, and the longest in seconds
    """

    jobs: int
    megabytes: dict[int, float] = field(default_factory=dict)
    calls_a_minute: float = 0.0
    throttled: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    other_events: int = 0
    blocked: tuple[int, float] = (0, 0.0)


# The contenders. ----------------------------------------------------------------------------------------------------


def ours(job_name: str, interval: int) -> Any:
    from airflow_clarify.triggers.sagemaker import ClarifyJobTrigger

    deadline = time.time() + 86_400
    return ClarifyJobTrigger(job_name, deadline=deadline, poll_interval=interval, aws_conn_id="aws_lab")


def theirs(job_name: str, interval: int) -> Any:
    from airflow.providers.amazon.aws.triggers.sagemaker import SageMakerTrigger

    # As many looks as a day has.
    looks = 86_400 // interval
    return SageMakerTrigger(
        job_name, "Processing", waiter_delay=interval, waiter_max_attempts=looks, aws_conn_id="aws_lab"
    )


CONTENDERS: dict[str, Callable[[str, int], Any]] = {"airflow_clarify": ours, "amazon provider": theirs}


# Their surroundings. ------------------------------------------------------------------------------------------------


class SageMaker:
    """The stand-in, in a process of its own.

    :param endpoint: its URL
    """

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def create(self, names: list[str]) -> None:
        sys.path.insert(0, str(ROOT / "tools"))
        from sagemaker_stand_in.create_jobs import create_jobs

        create_jobs(self.endpoint, names)

    def complete(self, name: str) -> float:
        """End a job; returns when that was."""
        self._ask("complete", {"name_prefix": name})
        return time.time()

    def throttle(self, times: int) -> None:
        self._ask("faults", {"operation": "DescribeProcessingJob", "fault": "throttle", "times": times})

    def calls(self) -> int:
        """How often it was asked about a job."""
        return int(self._ask("calls").get("DescribeProcessingJob", 0))

    def calls_a_second(self, seconds: float) -> float:
        """Watch for a while."""
        before, began = self.calls(), time.monotonic()
        time.sleep(seconds)
        return (self.calls() - before) / (time.monotonic() - began)

    def _ask(self, what: str, document: Any = None) -> Any:
        data = None if document is None else json.dumps(document).encode()
        with urllib.request.urlopen(f"{self.endpoint}/_stand_in/{what}", data) as answer:
            return json.load(answer)


@contextlib.contextmanager
def sagemaker(folder: Path) -> Iterator[SageMaker]:
    # No S3 is there, and none is needed.
    command = [sys.executable, "-m", "sagemaker_stand_in", "--s3-endpoint=http://127.0.0.1:1", "--without-containers"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tools")}
    with (folder / "stand-in.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
    try:
        assert process.stdout is not None
        yield SageMaker(process.stdout.readline().strip())
    finally:
        process.terminate()
        process.wait(timeout=60)


def airflow_home(folder: Path, endpoint: str, capacity: int) -> None:
    """Make this process, and those that it starts, use a new Airflow home. Nothing of Airflow is imported yet."""
    for name in [name for name in os.environ if name.startswith(("AIRFLOW_", "AWS_"))]:
        del os.environ[name]
    extra = {"endpoint_url": endpoint, "region_name": "us-east-1"}
    (folder / "dags").mkdir()
    os.environ.update(
        AIRFLOW_HOME=str(folder),
        AIRFLOW__CORE__DAGS_FOLDER=str(folder / "dags"),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__MAX_MAP_LENGTH=str(max(capacity, 1024)),
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{folder / 'airflow.db'}",
        AIRFLOW__LOGGING__LOGGING_LEVEL="INFO",
        AIRFLOW__TRIGGERER__CAPACITY=str(capacity),
        AIRFLOW__USAGE_DATA_COLLECTION__ENABLED="False",
        AIRFLOW_CONN_AWS_LAB=json.dumps({"conn_type": "aws", "login": "k", "password": "s", "extra": extra}),
    )
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True)


def megabytes(pid: int) -> float:
    """What the processes of a triggerer have for themselves."""
    parent = psutil.Process(pid)
    found = 0.0
    for process in (parent, *parent.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            found += process.memory_full_info().uss / 1e6
    return found


def settled_megabytes(pid: int, most: float) -> float:
    """The memory, once it grows no more."""
    until, seen = time.monotonic() + most, [megabytes(pid)]
    while time.monotonic() < until:
        time.sleep(1)
        seen.append(megabytes(pid))
        if len(seen) > 6 and seen[-1] - min(seen[-6:]) < max(1.0, 0.002 * seen[-1]):
            break
    return seen[-1]


# How they are measured. ---------------------------------------------------------------------------------------------


def measure(contender: str, jobs: int, interval: int, spread: float) -> Figures:
    """Run one contender's triggerer. Imports Airflow, so it needs a process of its own."""
    with tempfile.TemporaryDirectory(prefix="airflow-clarify-deferred-") as home, sagemaker(Path(home)) as aws:
        airflow_home(Path(home), aws.endpoint, capacity=jobs)
        from deferred_runs import DeferredRun, triggerer

        names = [f"job-{number:05}" for number in range(jobs)]
        aws.create(names)
        run = DeferredRun("deferred_jobs", jobs)
        log = Path(home) / "triggerer.log"
        with triggerer(log) as process:
            figures = _watch(process.pid, run, aws, names, contender, interval, spread)
        blocked = [float(seconds) for seconds in BLOCKED.findall(log.read_bytes())]
        figures.blocked = (len(blocked), max(blocked, default=0.0))
        return figures


def _watch(
    pid: int, run: Any, aws: SageMaker, names: list[str], contender: str, interval: int, spread: float
) -> Figures:
    jobs, few = len(names), len(names) // 10
    figures = Figures(jobs)
    time.sleep(5)
    figures.megabytes[0] = settled_megabytes(pid, 20)
    for first, last in ((0, few), (few, jobs)):
        say(f"deferring {last} jobs")
        run.defer({number: CONTENDERS[contender](names[number], interval) for number in range(first, last)})
        until(lambda last=last: run.with_triggerer() >= last, 300)
        figures.megabytes[last] = settled_megabytes(pid, 90)
    say("counting calls")
    figures.calls_a_minute = 60 * aws.calls_a_second(interval)
    say("throttling")
    aws.throttle(BURST)
    figures.throttled = [aws.calls_a_second(10) for _ in range(5)]

    say("ending the jobs")
    ended = complete(aws, names, spread)
    until(lambda: _woken(run, jobs), 600)
    figures.delays = _delays(run, ended)
    good = {"ended", "success"}
    figures.other_events = jobs - sum(event.get("status") in good for event in run.events().values())
    return figures


def complete(aws: SageMaker, names: list[str], spread: float) -> dict[int, float]:
    """End jobs, evenly over some seconds; when each has ended, by its number."""
    began, ended = time.monotonic(), {}
    for number, name in enumerate(names):
        time.sleep(max(0.0, began + spread * number / len(names) - time.monotonic()))
        ended[number] = aws.complete(name)
    return ended


def until(holds: Callable[[], bool], seconds: float) -> None:
    limit = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > limit:
            raise SystemExit(f"this did not happen within {seconds:g} s")
        time.sleep(1)


def say(what: str) -> None:
    print(f"  {what}", file=sys.stderr, flush=True)


def _woken(run: Any, jobs: int) -> bool:
    return sum(state == "scheduled" for state in run.states().values()) >= jobs


def _delays(run: Any, ended: dict[int, float]) -> list[float]:
    changes = run.changes()
    return [changes[number][1].timestamp() - when for number, when in ended.items()]


def in_a_process(contender: str, jobs: int, interval: int, spread: float) -> Figures:
    child = json.dumps([contender, jobs, interval, spread])
    # Where it is set, a process compiles all that it imports.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, __file__, "--child", child], stdout=subprocess.PIPE, text=True, check=True, env=environment
    )
    found = json.loads(done.stdout.splitlines()[-1])
    found["megabytes"] = {int(number): of_it for number, of_it in found["megabytes"].items()}
    return Figures(**found)


def report(contender: str, figures: Figures) -> None:
    jobs, memory, delays = figures.jobs, figures.megabytes, sorted(figures.delays)
    print(f"\n{contender}, {jobs:,} jobs")
    for number, of_it in memory.items():
        print(f"  memory at {number:>5,} jobs  {of_it:8.0f} MB")
    few, many = sorted(memory)[1:]
    print(f"  memory of a job       {(memory[many] - memory[few]) / (many - few) * 1000:8.0f} KB")
    print(f"  calls a minute        {figures.calls_a_minute:8.0f}    {figures.calls_a_minute / jobs:.1f} a job")
    rates = ", ".join(f"{rate:.1f}" for rate in figures.throttled)
    print(f"  {BURST} throttled answers       {rates} calls a second, in the next tens of seconds")
    p95 = delays[int(0.95 * len(delays))]
    print(
        f"  delay                 {delays[0]:8.1f} s least, {statistics.median(delays):.1f} s median, "
        f"{p95:.1f} s p95, {delays[-1]:.1f} s most"
    )
    print(f"  other than completed  {figures.other_events:8} events")
    times, longest = figures.blocked
    print(f"  event loop blocked    {times:8} times, {longest:.1f} s at most", flush=True)


def main(argv: list[str] | None = None) -> int:
    """Measure both contenders, each in processes of its own, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--poll-interval", type=int, default=30)
    parser.add_argument("--spread", type=float, default=30, help="seconds over which the jobs end")
    parser.add_argument("--rival", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--rival-jobs", type=int, default=100)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments, _ = parser.parse_known_args(argv)
    if arguments.child:
        with contextlib.redirect_stdout(sys.stderr):
            figures = measure(*json.loads(arguments.child))
        print(json.dumps(asdict(figures)))
        return 0
    sizes = {"airflow_clarify": arguments.jobs}
    if arguments.rival:
        sizes["amazon provider"] = arguments.rival_jobs
    with ThreadPoolExecutor() as at_once:
        running = {
            contender: at_once.submit(in_a_process, contender, jobs, arguments.poll_interval, arguments.spread)
            for contender, jobs in sizes.items()
        }
        for contender, figures in running.items():
            report(contender, figures.result())
    return 0


if __name__ == "__main__":
    sys.exit(main())
