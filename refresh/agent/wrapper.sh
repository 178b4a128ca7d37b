# Starts the agent and keeps it running. The values of the header reach it as its environment and in no other way.
set -u

readonly FOLDER=/opt/refresh-agent
readonly LOG=/var/log/user-data.log RUNNER_LOG=/var/log/actions-runner.log
# cloud-init sets no HOME, and not every image has its programs on this PATH.
export HOME=/root PATH="$PATH:/usr/local/bin:/snap/bin"

# prepare: write the agent's files, for root alone. Jobs must not get this umask, so it is that of a subshell. An image that was made
# from an instance has the state of that one, and starts its agent.
prepare() (
    umask 077
    systemctl stop refresh-agent.service &>/dev/null
    touch "$LOG" "$RUNNER_LOG" && chmod 600 "$LOG" "$RUNNER_LOG" || exit
    mkdir -p "$FOLDER" && chmod 700 "$FOLDER" && rm -f "$FOLDER"/{booted,script.exit,state.json} || exit
    cp "$0" "$FOLDER/start" && program >"$FOLDER/agent.py"
)

# find_python: print the path of a Python that can run the agent. Later starts use the same, since jobs could add another.
find_python() {
    local each path
    for each in python3 /usr/libexec/platform-python $(compgen -c -X '*-*' python3.) /usr/local/bin/python3 /opt/{*,*/*}/bin/python3; do
        path=$(type -P "$each") || continue
        "$path" -I -c 'import hashlib, http.client, json, ssl, sys; sys.exit(sys.version_info < (3, 9))' </dev/null &>/dev/null || continue
        printf '%s' "$path"
        return
    done
    return 1
}

# give_up REASON: say it where a person looks, and end the instance later, because nothing watches its threshold.
give_up() {
    local line="refresh-action: $1. The instance shuts down in an hour unless it is tagged refresh-action:protect=true."
    printf '%s\n' "$line"
    printf '%s agent.impossible %s\n' "$(date -u +%FT%TZ)" "$line" >>"$LOG"
    [[ -c /dev/console ]] && printf '%s\n' "$line" >/dev/console
    end_in_an_hour </dev/null &>/dev/null &
    exit 1
}

# The template lets EC2 terminate an instance that shuts down. Without curl the tag is unknown, and counts as absent.
end_in_an_hour() {
    local token url="${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254/}latest"
    while :; do
        sleep 3600
        token=$(curl -sfm 5 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$url/api/token")
        [[ $(curl -sfm 5 -H "X-aws-ec2-metadata-token: $token" "$url/meta-data/tags/instance/refresh-action:protect") == true ]] ||
            shutdown -h now || poweroff
    done
}

# unit PYTHON: print the service. An agent that is restarted finds the job of its runner alive.
unit() {
    cat <<UNIT
[Unit]
Description=Agent of refresh-action
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0
[Service]
ExecStart=/bin/bash $FOLDER/start supervised $1
Restart=always
RestartSec=1
KillMode=process
OOMPolicy=continue
TasksMax=infinity
[Install]
WantedBy=multi-user.target
UNIT
}

# supervise PYTHON: start the agent again whenever it ends. Nothing waits for systemd, which may wait for this program.
supervise() {
    [[ -d /run/systemd/system ]] &&
        unit "$1" >/etc/systemd/system/refresh-agent.service &&
        systemctl daemon-reload &&
        systemctl enable refresh-agent.service &&
        systemctl --no-block restart refresh-agent.service && return
    # A job may kill the agent or `sleep`.
    while :; do
        "$1" -I "$FOLDER/agent.py"
        sleep 1
    done &
}

# main [supervised PYTHON]: at the first boot wait for the agent's, and exit with its code; otherwise be the agent.
main() {
    local python code
    if [[ ${1-} == supervised ]]; then
        exec "$2" -I "$FOLDER/agent.py" </dev/null >>"$LOG" 2>&1
    fi
    prepare || give_up "$FOLDER or $LOG cannot be written; use an image in which root can write both"
    python=$(find_python) ||
        give_up "Python 3.9 or newer is missing (tried python3 in $PATH, /usr/libexec/platform-python, /opt); use an image that has it"
    exec </dev/null >>"$LOG" 2>&1
    supervise "$python"
    until read -r code <"$FOLDER/booted"; do sleep 1; done 2>/dev/null
    exit "$code"
}
