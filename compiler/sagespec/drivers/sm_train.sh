#!/bin/bash
# The container's entry point: finds a Python and hands over to the drivers.
set -eu
cd "$(dirname "$0")"

fail() {
  mkdir -p "${SM_ROOT:-/opt/ml}/output"
  echo "$1" | tee "${SM_ROOT:-/opt/ml}/output/failure" >&2
  exit 1
}

python="${SM_PYTHON:-$(command -v python3 || command -v python || true)}"
[ -n "$python" ] || fail "the image has no python3"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))' ||
  fail "the drivers need Python 3.8, $python is $("$python" --version 2>&1)"
exec "$python" -m drivers.run
