#!/bin/sh
# Makes the environment in which refresh runs: an interpreter, the pinned packages and refresh, and nothing else.
# The Dockerfile uses it for the image, the benchmark on a bare machine.
#
#   tools/image/environment.sh packages TARGET   a virtual environment with the packages of requirements/runtime.txt
#   tools/image/environment.sh program TARGET    installs refresh there, reduces the models of AWS, compiles everything
#   tools/image/environment.sh all TARGET        both
#
# PYTHON names the interpreter, by default python3. To run refresh: TARGET/bin/python -I TARGET/entrypoint.py
set -eu
# A relative TARGET is relative to the caller's directory.
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
    # A copy, since setuptools writes folders next to what it builds.
    cp -r pyproject.toml README.md LICENSE refresh "$source"
    "$tools/bin/python" -m pip wheel --quiet --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation \
        --no-index --wheel-dir "$source/wheels" "$source"
    "$tools/bin/python" -m pip --python "$1/bin/python" install --quiet --no-cache-dir --disable-pip-version-check \
        --no-deps --no-index "$source"/wheels/*.whl
    rm -r "$source" "$tools"
    # The machine may have an AWS configuration with a profile or an endpoint.
    env -i AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null "$1/bin/python" -I tools/image/reduced_models.py
    # Nothing uses the packages' own commands.
    find "$1/bin" -type f -delete
    cp entrypoint.py "$1/entrypoint.py"
    # Copying changes time stamps, by which Python would reject the bytecode: it is not checked against the sources.
    "$1/bin/python" -m compileall -q -f --invalidation-mode unchecked-hash "$1/lib"
}

# Two commands without `&&`, which would switch `set -e` off in the first one.
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
