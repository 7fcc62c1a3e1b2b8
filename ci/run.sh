#!/usr/bin/env bash
# Run commands of sagespec in a job of GitHub or GitLab. Every input comes by an environment variable, and is data:
#
# COMMANDS     of validate, check, diff, plan and apply, separated by blanks; the first that fails ends it
# ENVIRONMENT  of the project; PROJECT its file; BASE what diff compares with; all may be empty
# COMMENT      true: diff comments on the pull or merge request, by TOKEN
# WAIT         true: apply follows everything to its end
#
# Python is isolated (-I): else it would import what a pull request puts into the working directory, beside the token.
# The exit code is that of sagespec. Reports for GitLab are written into REPORTS, by default the working directory.
set -o pipefail # without -u, for which bash before 4.4, as macOS has it, takes an empty array for an unset variable

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
reports="${REPORTS:-.}"
options=()
[ -z "${ENVIRONMENT:-}" ] || options+=(--env "$ENVIRONMENT")
[ -z "${PROJECT:-}" ] || options+=(--project "$PROJECT")

on_github() { [ -n "${GITHUB_ACTIONS:-}" ]; }

# Print what comes in; on GitHub no line of it is a command to the runner.
show() {
  local word
  if on_github; then
    word="$(python3 -I -c 'import secrets; print(secrets.token_hex(16))')"
    printf '::stop-commands::%s\n' "$word"
    cat
    printf '\n::%s::\n' "$word"
  else
    cat
  fi
}

# Add a file of Markdown to the summary of the job.
summarize() { [ -z "${GITHUB_STEP_SUMMARY:-}" ] || cat "$1" >>"$GITHUB_STEP_SUMMARY"; }

# Add what apply has said to the summary, with nothing in it that HTML or Markdown gives a meaning.
summarize_apply() {
  [ -n "${GITHUB_STEP_SUMMARY:-}" ] || return 0
  {
    printf '### sagespec apply\n\n<pre>\n'
    sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/>/\&gt;/g' -e 's/^[[:space:]]*$/\&nbsp;/' "$1"
    printf '</pre>\n\n'
  } >>"$GITHUB_STEP_SUMMARY"
}

set_output() { [ -z "${GITHUB_OUTPUT:-}" ] || printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"; }

# validate or check: annotations on GitHub, a report of the merge request on GitLab, lines elsewhere.
diagnose() {
  if on_github; then
    "$@" "${options[@]}" --format github
  elif [ -n "${GITLAB_CI:-}" ]; then
    "$@" "${options[@]}" --format junit >"$reports/sagespec-junit.xml" || {
      local code=$?
      "$@" "${options[@]}"
      return "$code"
    }
  else
    "$@" "${options[@]}"
  fi
}

differ() {
  local code=0 base=()
  case "${BASE:-}" in
    "") ;;
    -*)
      printf 'no ref %q: none begins like an option\n' "$BASE" >&2
      return 2
      ;;
    *)
      # diff would take it for the name of a spec, and compare that one with another commit
      git rev-parse --quiet --verify "$BASE^{commit}" >/dev/null || {
        printf 'git has no ref %q here: fetch it with its history (fetch-depth: 0, GIT_DEPTH: 0)\n' "$BASE" >&2
        return 2
      }
      base=("$BASE")
      ;;
  esac
  local written=(--save "$work/diff.json" --save "$work/diff.md")
  sagespec diff "${base[@]}" "${options[@]}" "${written[@]}" >"$work/diff.txt" 2>"$work/stderr" || code=$?
  [ ! -s "$work/stderr" ] || show <"$work/stderr" >&2
  [ -s "$work/diff.md" ] || return "$code" # a project that cannot be read has no diff
  show <"$work/diff.txt"
  set_output starting "$(python3 -I -c 'import json, sys; print(json.load(open(sys.argv[1]))["counts"]["starting"])' "$work/diff.json")"
  summarize "$work/diff.md"
  [ -z "${GITLAB_CI:-}" ] || cp "$work/diff.md" "$reports/sagespec-diff.md"
  if [ "${COMMENT:-true}" = true ]; then
    set_output comment "$(python3 -I "$here/comment.py" "$work/diff.md")"
  fi
  return "$code"
}

plan() {
  local code
  if [ -z "${GITHUB_STEP_SUMMARY:-}" ]; then
    sagespec plan "${options[@]}"
    return
  fi
  sagespec plan "${options[@]}" -o markdown 2>&1 >"$work/plan.md" | show >&2
  code=${PIPESTATUS[0]}
  summarize "$work/plan.md"
  [ "$code" -ne 0 ] || echo "the plan is in the summary of this job"
  return "$code"
}

apply() {
  local code wait=()
  [ "${WAIT:-true}" != true ] || wait=(--wait)
  sagespec apply "${options[@]}" --yes "${wait[@]}" 2>&1 | tee "$work/apply.txt" | show
  code=${PIPESTATUS[0]}
  summarize_apply "$work/apply.txt"
  return "$code"
}

read -r -d '' -a commands <<<"${COMMANDS:-}"
[ "${#commands[@]}" -gt 0 ] || { echo "no command: name some of validate, check, diff, plan and apply" >&2; exit 2; }
for command in "${commands[@]}"; do
  case "$command" in
    validate) diagnose sagespec validate ;;
    check) diagnose sagespec compile --check ;;
    diff) differ ;;
    plan) plan ;;
    apply) apply ;;
    *)
      printf 'no command %q: name some of validate, check, diff, plan and apply\n' "$command" >&2
      exit 2
      ;;
  esac || exit
done
