#!/bin/sh
# Pin the newest and the oldest versions that pyproject.toml allows, each for all supported Python versions.
#
#   scripts/renew-constraints.sh PYTHON        (a Python with uv installed)
#
# Only names and versions are written: the package index is configured where the packages are installed.
set -eu
python=$1

pin() { # HEADER FILE COMPILE-ARGUMENTS...
    header=$1 file=$2
    shift 2
    pins=$("$python" -m uv pip compile pyproject.toml --universal --python-version 3.11 --quiet \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links "$@")
    printf '# %s `make constraints` renews them.\n%s\n' "$header" "$pins" >"$file"
}

pin "The versions that the tests run with, on Python 3.11, 3.12 and 3.13." constraints-dev.txt --group dev
pin "The lower bound of every direct dependency, for \`make oldest\`." constraints-oldest.txt \
    --group test --resolution lowest-direct
# Without the last two pins, Airflow 3.2.2 cannot run tasks.
airflow_3_2=$(mktemp)
printf '%s\n' apache-airflow==3.2.2 fastapi==0.136.3 svcs==25.1.0 >"$airflow_3_2"
pin "Airflow 3.2 with the newest versions of everything else, for \`make airflow-3.2\`." constraints-airflow-3.2.txt \
    --group test --constraint "$airflow_3_2"
rm "$airflow_3_2"
