#!/bin/sh
# Test the stack and the job's image on the Docker engine of this machine, if there is one:
#
#   scripts/test-stack.sh PYTHON PYTEST-ARGUMENTS...
#
# If a requirement is missing, it is printed and the tests are skipped, with exit status 0.
set -eu

python=$1
shift

skip() {
    echo "make test-stack: skipped: $1"
    exit 0
}

command -v docker >/dev/null || skip "there is no docker command"
docker version --format '{{.Server.Version}}' >/dev/null 2>&1 || skip "no Docker engine responds; see \`docker version\`"
[ "$(docker version --format '{{.Server.Os}}')" = linux ] || skip "the Docker engine does not run Linux containers"
[ "$(id -u)" = 0 ] || skip "root is required, to create base images and to kill processes of containers"
[ -n "$(docker image ls --quiet 'airflow-clarify-stand-in-*')" ] || command -v debootstrap >/dev/null \
    || skip "debootstrap is not installed, which creates the base images; it is a package of Debian and Ubuntu"

CLARIFY_STACK_ENGINE=docker exec "$python" -m pytest -n 0 tests/stack "$@"
