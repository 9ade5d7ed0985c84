#!/bin/sh
# Makes target/peers-venv with what the load harness compares the engine with; does nothing when it is there and complete.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
exec sh "$root/tests/python/make_venv.sh" "$root/target/peers-venv" "$root/benches/peers/requirements.txt"
