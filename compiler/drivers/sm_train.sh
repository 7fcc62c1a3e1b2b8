#!/bin/bash
# The container's entry point: finds a Python and hands over to the drivers.
set -eu
cd "$(dirname "$0")"
python="${SM_PYTHON:-$(command -v python3 || command -v python || true)}"
if [ -z "$python" ]; then
  mkdir -p "${SM_ROOT:-/opt/ml}/output"
  echo "the image has no python3" | tee "${SM_ROOT:-/opt/ml}/output/failure" >&2
  exit 1
fi
exec "$python" -m drivers.run
