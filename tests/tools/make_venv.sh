#!/bin/sh
# make_venv.sh PYTHON FOLDER: a virtual environment with pip, also where Debian's python3-venv is not installed.
set -eu
python=$1
folder=$2

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "interactions-gateway needs Python 3.11 or newer; $python is $("$python" --version 2>&1)." \
        "Name another: make PYTHON=python3.12" >&2
    exit 1
fi
if "$python" -c 'import ensurepip' 2>/dev/null; then
    exec "$python" -m venv "$folder"
fi
if ! "$python" -m pip --version >/dev/null 2>&1; then
    echo "$python has neither ensurepip nor pip; on Debian: apt-get install python3-venv" >&2
    exit 1
fi
"$python" -m venv --without-pip "$folder"
"$python" -m pip --python "$folder/bin/python" install --quiet --disable-pip-version-check pip
