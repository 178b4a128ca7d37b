#!/usr/bin/env bash
# Stands in for the runner's config.sh: writes down how it was called and fails as often as it is told to.
cd "$(dirname "$0")" || exit
if [[ $1 == --version ]]; then
    cat version
    exit
fi
{
    printf 'config.sh as %s in %s with %s: %s\n' "$(id -un)" "$HOME" "${ACTIONS_RUNNER_INPUT_TOKEN:-no token}" "$*"
    tr '\0' ' ' <"/proc/$PPID/cmdline" && echo
} >>"$RECORD/calls"
cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' >>"$RECORD/processes"

# GitHub's own takes about three seconds.
[[ ! -e $RECORD/slow ]] || sleep "$(<"$RECORD/slow")"

# refused FILE: whether the file grants another refusal; it holds how many are left.
refused() {
    local left
    left=$(cat "$RECORD/$1" 2>/dev/null || echo 0)
    ((left)) && echo $((left - 1)) >"$RECORD/$1"
}

# Either file makes it configured, but only the first tells it where to remove itself.
configured() { [[ -e .runner || -e .runner_migrated ]]; }

if [[ $1 == remove ]]; then
    refused refusals-to-remove && exit 1
    if configured && [[ $2 != --local ]]; then
        [[ -e .runner && ${ACTIONS_RUNNER_INPUT_TOKEN:-} ]] || { echo 'cannot remove' && exit 1; }
    fi
    rm -f .runner .runner_migrated .credentials .credentials_migrated .credentials_rsaparams
    exit
fi
refused refusals-to-register && exit 1
! configured || { echo 'already configured' && exit 1; }
touch .runner .credentials .credentials_rsaparams
