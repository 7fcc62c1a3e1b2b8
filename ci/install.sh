#!/usr/bin/env bash
# Install sagespec into an environment of its own, and put its command on the path of the steps that follow.
# VERSION: a version of the package; empty takes SOURCE, the folder of the action.
set -euo pipefail

venv="${RUNNER_TEMP:?}/sagespec"
python3 -I -m venv "$venv"
if [ -n "${VERSION:-}" ]; then
  what="sagespec==$VERSION"
else
  what="${SOURCE:?}"
fi
"$venv/bin/python" -I -m pip install --quiet --disable-pip-version-check -- "$what"
mkdir -p "$venv/path"
ln -sf ../bin/sagespec "$venv/path/sagespec"
echo "$venv/path" >>"${GITHUB_PATH:?}"
