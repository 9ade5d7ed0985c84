#!/bin/sh
# Makes a Python environment; does nothing when it is there and complete.
#
#   make_venv.sh [FOLDER REQUIREMENTS]     target/venv with what the tests in Python need, unless told otherwise
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
venv=${1:-$root/target/venv}
requirements=${2:-$root/tests/python/requirements.txt}
stamp=$venv/.complete
if cmp -s "$requirements" "$stamp"; then
    exit 0
fi
python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
cp "$requirements" "$stamp"
