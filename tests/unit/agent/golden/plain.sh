#!/usr/bin/env bash
export AWS_REGION=eu-west-1
export TABLE_NAME=octo-widgets-ci-table
export REGISTRATION_URL=https://github.com/octo/widgets
export RUNNER_USER=root
export RUNNER_VERSION=2.335.1
export RUNNER_URL_X64=https://github.com/x64.tar.gz
export RUNNER_SHA256_X64=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
export RUNNER_URL_ARM64=https://github.com/arm64.tar.gz
export RUNNER_SHA256_ARM64=''
export ORIGINAL_MODES=true
export PRE_RUNNER_SCRIPT_SHA256=''
set -u
readonly FOLDER=/opt/refresh-agent
readonly LOG=/var/log/user-data.log RUNNER_LOG=/var/log/actions-runner.log
export HOME=/root PATH="$PATH:/usr/local/bin:/snap/bin"
prepare() (
umask 077
systemctl stop refresh-agent.service &>/dev/null
touch "$LOG" "$RUNNER_LOG" && chmod 600 "$LOG" "$RUNNER_LOG" || exit
mkdir -p "$FOLDER" && chmod 700 "$FOLDER" && rm -f "$FOLDER"/{booted,script.exit,state.json} || exit
cp "$0" "$FOLDER/start" && program >"$FOLDER/agent.py"
)
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
give_up() {
local line="refresh-action: $1. The instance shuts down in an hour unless it is tagged refresh-action:protect=true."
printf '%s\n' "$line"
printf '%s agent.impossible %s\n' "$(date -u +%FT%TZ)" "$line" >>"$LOG"
[[ -c /dev/console ]] && printf '%s\n' "$line" >/dev/console
end_in_an_hour </dev/null &>/dev/null &
exit 1
}
end_in_an_hour() {
local token url="${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254/}latest"
while :; do
sleep 3600
token=$(curl -sfm 5 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$url/api/token")
[[ $(curl -sfm 5 -H "X-aws-ec2-metadata-token: $token" "$url/meta-data/tags/instance/refresh-action:protect") == true ]] ||
shutdown -h now || poweroff
done
}
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
supervise() {
[[ -d /run/systemd/system ]] &&
unit "$1" >/etc/systemd/system/refresh-agent.service &&
systemctl daemon-reload &&
systemctl enable refresh-agent.service &&
systemctl --no-block restart refresh-agent.service && return
while :; do
"$1" -I "$FOLDER/agent.py"
sleep 1
done &
}
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
program() {
cat <<'END_OF_AGENT'
import sys
sys.exit()
END_OF_AGENT
}
export PRE_RUNNER_SCRIPT='""'
main "$@"
