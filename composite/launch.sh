#!/usr/bin/env bash
# Runs the actions without Docker. Packages are part of a release's commit, or are installed by the hashes of the lock
# file. No package of an earlier run is used.
#
#   launch.sh look        write the output `path`: the runner's own interpreter, or nothing if it cannot be used
#   launch.sh run ACTION  run an action, such as refresh, with $PYTHON
set -euo pipefail
action=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Only a release's commit has this folder; `python3 -m tools.publishing packages` makes it.
carried=$action/composite/packages

USABLE='import importlib.util, ssl, sys
if sys.version_info < (3, 11) or len(sys.argv) > 1 and not any(map(importlib.util.find_spec, ("pip", "ensurepip"))):
    sys.exit(1)
print(sys.executable)'
START='import runpy, sys
entrypoint, action, *folders = sys.argv[1:]
sys.path += folders
sys.argv[1:] = [action]
runpy.run_path(entrypoint, run_name="__main__")'

fail() {
    echo "::error title=$1::$2"
    exit 1
}

# Print the lock file of the packages to install. A release has all packages except compiled ones, which only an App needs.
lock() {
    if [[ ! -d $carried ]]; then
        echo "$action/requirements/runtime.txt"
    elif [[ -n ${INPUT_GITHUB_APP_ID-} ]]; then
        echo "$carried/compiled.txt"
    fi
}

install_packages() {
    local pip=("$PYTHON" -I -m pip) said
    # --target works for an interpreter that is read-only or managed by its distribution.
    if ! "${pip[@]}" --version >/dev/null 2>&1; then
        "$PYTHON" -I -m venv "$2.tools" >/dev/null 2>&1 || fail packages "$PYTHON has neither pip nor ensurepip, but the \
packages have to be installed. Install one of them (python3-pip or python3-venv), or use a release of this action."
        pip=("$2.tools/bin/python" -I -m pip)
    fi
    if ! said=$("${pip[@]}" install --quiet --no-cache-dir --disable-pip-version-check --no-input --no-compile \
        --only-binary=:all: --require-hashes --no-deps --target "$2" --requirement "$1" 2>&1); then
        # pip may quote a server, so no line may act as a command of GitHub's runner.
        sed 's/^/pip: /; s/##\[/# [/g' <<<"$said"
        fail packages "The packages could not be installed by their hashes (pip's reason is above). Make the Python package \
index reachable from this runner, or use a release of this action, which contains its packages."
    fi
}

look() {
    local lock found
    lock=$(lock)
    found=$(python3 -I -c "$USABLE" ${lock:+"$lock"} 2>/dev/null) || found=
    echo "path=$found" >>"$GITHUB_OUTPUT"
}

run() {
    local lock folders=("$action") installed
    [[ -n ${PYTHON-} ]] || fail python "This runner has no python3 of version 3.11 or newer, and actions/setup-python could \
not install one (its reason is above). Install Python 3.11 or newer with pip on the runner."
    lock=$(lock)
    if [[ -n $lock ]]; then
        installed=$(mktemp -d "$RUNNER_TEMP/refresh-action.XXXXXXXX")
        install_packages "$lock" "$installed"
        folders+=("$installed")
    fi
    if [[ -d $carried ]]; then folders+=("$carried"); fi
    # As in the image, a configuration file in HOME must not choose an endpoint or a role, unless the job sets these.
    export AWS_CONFIG_FILE="${AWS_CONFIG_FILE-/dev/null}"
    export AWS_SHARED_CREDENTIALS_FILE="${AWS_SHARED_CREDENTIALS_FILE-/dev/null}"
    export AWS_EC2_METADATA_DISABLED="${AWS_EC2_METADATA_DISABLED-true}"
    # Isolated (-I) and without site packages (-S): the path has only the standard library, the action and its packages.
    exec "$PYTHON" -I -S -c "$START" "$action/entrypoint.py" "$1" "${folders[@]}"
}

case $#-${1-} in
1-look | 2-run) "$@" ;;
*)
    sed -n '2,6p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
