#!/bin/sh
# Create or update a virtual environment:
#
#   scripts/make-venv.sh FOLDER STAMP NEWEST INSTALL-ARGUMENTS...
#
# FOLDER is the environment, STAMP a file that marks it as complete, NEWEST the newest allowed Python (3.13), and the
# remaining arguments are passed to `pip install` (or to uv, which accepts the same arguments and is ten times faster).
# The environment variable THEN contains the arguments of a second installation, such as "--no-deps --editable .".
#
# The stamp is removed first and written last, so an incomplete environment is created again at the next call.
set -eu
export PIP_DISABLE_PIP_VERSION_CHECK=1
# As pip does by default. Otherwise each of the processes that the tests start in parallel compiles Airflow.
export UV_COMPILE_BYTECODE=1

folder=$1 stamp=$2 newest=$3
shift 3

# A `python3.12` on the PATH may be a shim that fails when it runs, and Debian's lacks ensurepip unless python3-venv is
# installed, so each candidate is run to test that it can create environments.
can_make_venvs() {
    "$1" -c "
import ensurepip, sys, venv
sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, int('$newest'.split('.')[1])))
" >/dev/null 2>&1
}

find_python() {
    for candidate in ${PYTHON:-} python3.12 python3.11 python3.13 python3 python; do
        if can_make_venvs "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    echo "No Python from 3.11 to $newest that can create virtual environments was found: install one, or set it with" \
        "make PYTHON=/path/to/python." >&2
    return 1
}

if [ -e "$stamp" ] && "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
    rm -f "$stamp"
else
    python=$(find_python)
    echo "Creating $folder with $("$python" --version 2>&1) ..."
    rm -rf "$folder"
    "$python" -m venv "$folder"
fi

# pip supports dependency groups since 25.1; the version that is bundled with Python is usually older.
"$folder/bin/python" -m pip install -qq --upgrade 'pip>=25.1'

install_with_uv() {
    "$folder/bin/python" -m pip install -qq --upgrade uv \
        && "$folder/bin/python" -m uv pip install --quiet --python "$folder/bin/python" "$@"
}

install() {
    if ! install_with_uv "$@"; then
        # uv does not read pip's configuration, so pip may use a package mirror that uv does not.
        echo "uv could not install the packages; trying pip, which takes a few minutes ..." >&2
        "$folder/bin/python" -m pip install -qq "$@"
    fi
}

echo "Installing into $folder ..."
install "$@"
# shellcheck disable=SC2086 # it is a list of words
[ -z "${THEN:-}" ] || install $THEN
touch "$stamp"
