#!/bin/sh
# The environment in which refresh runs: an interpreter, the pinned packages and refresh itself, and nothing else.
# The Dockerfile makes the image of it; the benchmark makes the same on a bare machine.
#
#   tools/image/environment.sh packages TARGET   a virtual environment with the packages of requirements/runtime.txt
#   tools/image/environment.sh program TARGET    refresh in it, the models of AWS reduced, everything compiled
#   tools/image/environment.sh all TARGET        both
#
# PYTHON names the interpreter, by default python3. What is run then: TARGET/bin/python -I TARGET/entrypoint.py
set -eu
# TARGET is where the caller means it to be.
target=${2:-}
case $target in '' | /*) ;; *) target=$PWD/$target ;; esac
cd "$(dirname "$0")/../.."

packages() {
    tools=$1.tools
    "${PYTHON:-python3}" -m venv "$tools"
    "$tools/bin/python" -m pip install --quiet --no-cache-dir --disable-pip-version-check --require-hashes \
        -r requirements/build.txt
    "${PYTHON:-python3}" -m venv --without-pip "$1"
    "$tools/bin/python" -m pip --python "$1/bin/python" install --quiet --no-cache-dir --disable-pip-version-check \
        --require-hashes --no-deps -r requirements/runtime.txt
}

program() {
    tools=$1.tools
    source=$(mktemp -d)
    # A copy, since setuptools leaves its own folders beside what it builds.
    cp -r pyproject.toml README.md LICENSE refresh "$source"
    "$tools/bin/python" -m pip wheel --quiet --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation \
        --no-index --wheel-dir "$source/wheels" "$source"
    "$tools/bin/python" -m pip --python "$1/bin/python" install --quiet --no-cache-dir --disable-pip-version-check \
        --no-deps --no-index "$source"/wheels/*.whl
    rm -r "$source" "$tools"
    # Whoever builds may have a configuration of AWS, with a profile or an endpoint of its own.
    env -i AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null "$1/bin/python" -I tools/image/reduced_models.py
    # The packages' own commands are of no use here.
    find "$1/bin" -type f -delete
    cp entrypoint.py "$1/entrypoint.py"
    # Copying breaks time stamps, so the bytecode is checked by nothing but the image itself.
    "$1/bin/python" -m compileall -q -f --invalidation-mode unchecked-hash "$1/lib"
}

# Two commands and no `&&` between them, which would have the first go on after an error.
case "${1:-} $target" in
    'packages '?* | 'program '?*) "$1" "$target" ;;
    'all '?*)
        packages "$target"
        program "$target"
        ;;
    *)
        sed -n '2,9p' tools/image/environment.sh >&2
        exit 2
        ;;
esac
