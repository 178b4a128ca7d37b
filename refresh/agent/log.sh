# All that follows is constant: its values are in the header above.
set -u

readonly LOG=/var/log/user-data.log
readonly RUNNER_LOG=/var/log/actions-runner.log
# Only root can read the logs: the script may print secrets.
touch "$LOG" "$RUNNER_LOG" && chmod 600 "$LOG" "$RUNNER_LOG"
exec </dev/null >>"$LOG" 2>&1

# cloud-init sets no HOME, and not every image has the AWS CLI on its PATH.
export HOME=/root PATH="$PATH:/usr/local/bin:/snap/bin"

say() { printf '%s %s\n' "$(date -u +%FT%TZ)" "$*" >&2; }

# insist COMMAND...: repeat it until it succeeds, however long AWS refuses, throttles or does not answer.
insist() {
    until "$@"; do
        say "retried: ${*@Q}"
        sleep 2
    done
}
