"""Stand-ins for the images that the project builds on, made of Debian's packages: no registry of images is needed.

One root file system serves for all. It holds Debian's Python, PostgreSQL, curl and dumb-init, the user ``airflow``, an
entry point that does what PostgreSQL's image does, Docker Compose, and this machine's certificates and pip settings.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

SUITE = "trixie"
MIRROR = os.environ.get("CLARIFY_DEBIAN_MIRROR", "http://deb.debian.org/debian")
PACKAGES = "ca-certificates,curl,dumb-init,postgresql,python3-venv,python-is-python3,docker-compose"
#: A stand-in by the image it stands for. The names are their own, so that none is taken for a real image.
STAND_INS = {
    "apache/airflow": "airflow-clarify-stand-in-airflow:1",
    "postgres": "airflow-clarify-stand-in-postgres:1",
    "python": "airflow-clarify-stand-in-python:1",
}
COMPOSE_IN_IMAGE = "usr/libexec/docker/cli-plugins/docker-compose"
_CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
#: What pip may need to reach its index. Paths on this machine mean nothing in an image.
_PIP_SETTINGS = ("global.index-url", "global.extra-index-url", "global.trusted-host", "global.proxy", "global.timeout")

_POSTGRES_ENTRY_POINT = """#!/bin/bash
# Make the user and the database of the environment where there are none yet, then be the server.
set -euo pipefail
export PATH="$(echo /usr/lib/postgresql/*/bin):$PATH" PGDATA=/var/lib/postgresql/stand-in
if [ "$(id -u)" = 0 ]; then
    POSTGRES_PASSWORD="$(cat "$POSTGRES_PASSWORD_FILE")"
    export POSTGRES_PASSWORD
    install --directory --owner=postgres --mode=700 "$PGDATA"
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0"
fi
if [ ! -e "$PGDATA/PG_VERSION" ]; then
    initdb --username="$POSTGRES_USER" --pwfile=<(echo "$POSTGRES_PASSWORD") --auth-local=trust \\
        --auth-host=scram-sha-256 --encoding=UTF8 --locale=C --no-sync
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    pg_ctl --wait --options="-c listen_addresses=''" start
    createdb --username="$POSTGRES_USER" "$POSTGRES_DB"
    pg_ctl --wait stop
fi
unset POSTGRES_PASSWORD
exec postgres -c "listen_addresses=*"
"""


def docker(*arguments: str, timeout: float = 600) -> str:
    """Run a command of docker and return what it prints."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr[-3000:]}"
    return done.stdout


def make_stand_ins() -> None:
    """Make those that are missing, in a few minutes; the engine keeps them for the next time."""
    if all(docker("images", "--quiet", image) for image in STAND_INS.values()):
        return
    folder = Path(tempfile.mkdtemp(prefix="airflow-clarify-stand-in-"))
    try:
        root = folder / "root"
        _run(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(root), MIRROR])
        _furnish(root)
        base = _import(root)
    finally:
        shutil.rmtree(folder)
    container = docker("create", base, "true").strip()
    try:
        for name, changes in {
            "apache/airflow": ["USER airflow"],
            "postgres": ['ENTRYPOINT ["/usr/local/bin/stand-in-postgres"]', "VOLUME /var/lib/postgresql"],
            "python": ['CMD ["python3"]'],
        }.items():
            options = [word for change in changes for word in ("--change", change)]
            docker("commit", *options, container, STAND_INS[name])
    finally:
        docker("rm", container)


def copy_compose(target: Path) -> None:
    """Copy Docker Compose, one binary for any Linux, out of an image."""
    container = docker("create", STAND_INS["python"], "true").strip()
    try:
        docker("cp", f"{container}:/{COMPOSE_IN_IMAGE}", str(target))
    finally:
        docker("rm", container)


def _furnish(root: Path) -> None:
    _run(["chroot", str(root), "useradd", "--uid=50000", "--gid=0", "--create-home", "--shell=/bin/bash", "airflow"])
    home = root / "opt/airflow"
    home.mkdir()
    os.chown(home, 50000, 0)
    _run(["chroot", str(root), "apt-get", "clean"])
    entry_point = root / "usr/local/bin/stand-in-postgres"
    entry_point.write_text(_POSTGRES_ENTRY_POINT)
    entry_point.chmod(0o755)
    here = Path("/", _CERTIFICATES)
    if here.exists():
        shutil.copy(here, root / _CERTIFICATES)
    settings = [line.partition("=") for line in _run([sys.executable, "-m", "pip", "config", "list"]).splitlines()]
    lines = [
        f"{name.partition('.')[2]} = {value.strip(chr(39))}"
        for name, _, value in settings
        if name in _PIP_SETTINGS and "file:" not in value
    ]
    (root / "etc/pip.conf").write_text("\n".join(["[global]", f"cert = /{_CERTIFICATES}", *lines, ""]))


def _import(root: Path) -> str:
    with subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as tar:
        done = subprocess.run(
            ["docker", "import", "--change", "ENV LANG=C.UTF-8", "-"],
            stdin=tar.stdout,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == tar.returncode == 0, done.stderr
    return done.stdout.strip()


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-1500:]}{done.stderr[-1500:]}"
    return done.stdout
