#!/bin/sh
# Makes target/venv with what the tests in Python need; does nothing when it is there and complete.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
venv=$root/target/venv
stamp=$venv/.complete
requirements=$root/tests/python/requirements.txt
if cmp -s "$requirements" "$stamp"; then
    exit 0
fi
python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
cp "$requirements" "$stamp"
