#!/bin/sh
# Make or refresh a virtual environment, in one of two ways:
#
#   scripts/make-venv.sh FOLDER STAMP NEWEST INSTALL-ARGUMENTS...
#
# FOLDER is the environment, STAMP the file that says it is complete, NEWEST the newest Python that will do (3.13), and
# the rest goes to `pip install` (or to uv, which takes the same words and is ten times faster). THEN, a variable of the
# environment, holds what is to be installed in a second step, such as "--no-deps --editable .".
#
# The stamp is removed first and written last, so an environment that was left half made is made anew the next time.
set -eu
export PIP_DISABLE_PIP_VERSION_CHECK=1

folder=$1 stamp=$2 newest=$3
shift 3

# A `python3.12` on the PATH may be a shim that fails when it runs, and Debian's lacks ensurepip unless python3-venv is
# installed: so each candidate is run, and has to show that it can do the job.
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
    echo "No Python from 3.11 to $newest that can make virtual environments was found: install one, or name it with" \
        "make PYTHON=/path/to/python." >&2
    return 1
}

if [ -e "$stamp" ] && "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
    rm -f "$stamp"
else
    python=$(find_python)
    echo "Making $folder with $("$python" --version 2>&1) ..."
    rm -rf "$folder"
    "$python" -m venv "$folder"
fi

# pip knows dependency groups from 25.1 on; the one that comes with Python is usually older.
"$folder/bin/python" -m pip install -qq --upgrade 'pip>=25.1'

install_with_uv() {
    "$folder/bin/python" -m pip install -qq --upgrade uv \
        && "$folder/bin/python" -m uv pip install --quiet --python "$folder/bin/python" "$@"
}

install() {
    if ! install_with_uv "$@"; then
        # uv does not read pip's configuration, so pip may reach a mirror that uv does not.
        echo "uv could not install them; pip tries, which takes a few minutes ..." >&2
        "$folder/bin/python" -m pip install -qq "$@"
    fi
}

echo "Installing into $folder ..."
install "$@"
# shellcheck disable=SC2086 # it is a list of words
[ -z "${THEN:-}" ] || install $THEN
touch "$stamp"
