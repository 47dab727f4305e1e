#!/bin/sh
# Run the stack and the job's image on the Docker engine of this machine, where there is one:
#
#   scripts/test-stack.sh PYTHON PYTEST-ARGUMENTS...
#
# What is needed and missing is said, and then nothing is tested. That is no failure.
set -eu

python=$1
shift

skip() {
    echo "make test-stack: skipped: $1"
    exit 0
}

command -v docker >/dev/null || skip "there is no docker command"
docker version --format '{{.Server.Version}}' >/dev/null 2>&1 || skip "no Docker engine answers; see \`docker version\`"
[ "$(docker version --format '{{.Server.Os}}')" = linux ] || skip "the Docker engine runs no Linux containers"
[ "$(id -u)" = 0 ] || skip "it needs root, to make base images and to kill processes of containers"
[ -n "$(docker image ls --quiet 'airflow-clarify-stand-in-*')" ] || command -v debootstrap >/dev/null \
    || skip "there is no debootstrap, which makes the base images; Debian and Ubuntu have it as a package"

CLARIFY_STACK_ENGINE=docker exec "$python" -m pytest -n 0 tests/stack "$@"
