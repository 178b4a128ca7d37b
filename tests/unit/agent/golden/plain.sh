#!/usr/bin/env bash
readonly AWS_REGION=eu-west-1
readonly TABLE_NAME=octo-widgets-ci-table
readonly REGISTRATION_URL=https://github.com/octo/widgets
readonly RUNNER_USER=root
readonly RUNNER_VERSION=2.335.1
readonly RUNNER_URL_X64=https://github.com/x64.tar.gz
readonly RUNNER_SHA256_X64=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
readonly RUNNER_URL_ARM64=https://github.com/arm64.tar.gz
readonly RUNNER_SHA256_ARM64=''
readonly PRE_RUNNER_SCRIPT_BASE64=''
set -u
readonly LOG=/var/log/user-data.log
readonly RUNNER_LOG=/var/log/actions-runner.log
touch "$LOG" "$RUNNER_LOG" && chmod 600 "$LOG" "$RUNNER_LOG"
exec </dev/null >>"$LOG" 2>&1
export HOME=/root PATH="$PATH:/usr/local/bin:/snap/bin"
say() { printf '%s %s\n' "$(date -u +%FT%TZ)" "$*" >&2; }
insist() {
until "$@"; do
say "retried: ${*@Q}"
sleep 2
done
}
readonly METADATA_URL="${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254/}latest"
ask_metadata() { curl -sS --max-time 5 -H @- "$@"; }
metadata() {
local token answer
token=$(ask_metadata -f -X PUT "$METADATA_URL/api/token" <<<'X-aws-ec2-metadata-token-ttl-seconds: 300') || return
answer=$(ask_metadata -w '\n%{http_code}' "$METADATA_URL/meta-data/$1" <<<"X-aws-ec2-metadata-token: $token") || return
case "${answer##*$'\n'}" in
200) printf '%s' "${answer%$'\n'*}" ;;
404) ;;
*) return 1 ;;
esac
}
is_run() { [[ $1 =~ ^[A-Za-z0-9_.-]{1,64}$ ]]; }
call_aws() {
AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_PAGER='' AWS_MAX_ATTEMPTS=2 \
timeout 60 aws --region "$AWS_REGION" --cli-connect-timeout 3 --cli-read-timeout 5 "$@"
}
put() {
local now
now=$(date +%s)
call_aws dynamodb put-item --table-name "$TABLE_NAME" --item "PK={S=TYPE#$1},SK={S=ID#$instance_id},\
entityType={S=$1},identifier={S=$instance_id},value=$2,\
updatedAt={S=$(date -ud "@$now" +%FT%TZ)},expiresAt={N=$((now + 86400))}"
}
signal() {
insist put WS "{M={state={S=$1},runId={S=$2}}}"
say "signal.written $1 run=$2"
}
look_up() {
call_aws dynamodb get-item --consistent-read --table-name "$TABLE_NAME" --output text \
--key "PK={S=TYPE#$1},SK={S=ID#$2}" --query "Item.$3.S || ''"
}
own() { look_up INSTANCE "$instance_id" "$1"; }
registration_token() { look_up METADATA gh_registration_token value.M.token; }
beat() {
while :; do
sleep 5 &
put HEARTBEAT '{S=PING}'
wait "$!"
done
}
ticks() { cut -d. -f1 /proc/uptime; }
is_instance() { [[ $1 =~ ^i-[0-9a-f]{8,17}$ ]]; }
overdue() {
local found left
is_instance "$instance_id" || instance_id=$(metadata instance-id)
is_instance "$instance_id" && found=$(own 'threshold.S || Item.PK') && [[ $found ]] || return
if [[ $found =~ ^[0-9]{4}(-[0-9]{2}){2}T([0-9]{2}:){2}[0-9]{2}Z$ ]] && left=$(date -d "$found" +%s); then
((left -= $(date +%s), seen = 1, fuse = $(ticks) + 86400 + (left > 0 ? left : 0)))
((left < -60))
else
((seen++ || (fuse = $(ticks) + 86400)))
return 1
fi
}
protected() {
local answer
if answer=$(metadata tags/instance/refresh-action:protect); then
tag=$answer silences=0
elif ((++silences < 60)); then
return
fi
[[ $tag == true ]]
}
end_when_overdue() {
local refusals=0 silences=0 seen=0 tag='' pause=0 fuse=$(($(ticks) + 3600))
while :; do
sleep "$pause"
pause=15
if overdue; then
protected && continue
say "instance.overdue refusals=$refusals"
call_aws ec2 terminate-instances --instance-ids "$instance_id" >/dev/null && continue
((++refusals < 5)) && continue
else
(($(ticks) < fuse)) || protected && continue
say instance.abandoned
fi
shutdown -h now || poweroff
done
}
folder=''
home=''
unpacked=/opt/refresh-runner
session=''
registrations=0
environment() {
local line name value quote
while read -r line || [[ $line ]]; do
[[ $line =~ ^(export[[:blank:]]+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$ ]] || continue
name=${BASH_REMATCH[2]} value=${BASH_REMATCH[3]}
quote=${value::1}
case $quote in
[\"\']) value=${value:1} value=${value%%"$quote"*} ;;
*) read -r value <<<"${value%%[[:blank:]]#*}" ;;
esac
value=${value//\$\{HOME\}/"$home"}
while [[ $value =~ ^(.*)\$HOME($|[^A-Za-z0-9_].*$) ]]; do value=${BASH_REMATCH[1]}$home${BASH_REMATCH[2]}; done
case $name in
HOME | USER | LOGNAME | RUNNER_ALLOW_RUNASROOT | ACTIONS_RUNNER_INPUT_TOKEN) continue ;;
PATH) value+=:$PATH ;;
esac
printf '%s\n' "$name=$value"
done </etc/environment
}
exec_runner() {
local variables
cd "$folder" || exit
mapfile -t variables < <(environment)
export HOME=$home USER=$RUNNER_USER LOGNAME=$RUNNER_USER RUNNER_ALLOW_RUNASROOT=1
set -- env "${variables[@]}" "$@"
[[ $RUNNER_USER == root ]] ||
set -- setpriv --reuid "$RUNNER_USER" --regid "$(id -g "$RUNNER_USER")" --init-groups "$@"
exec "$@" >>"$RUNNER_LOG" 2>&1
}
add_user() {
id "$RUNNER_USER" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$RUNNER_USER" || return
home=$(getent passwd "$RUNNER_USER" | cut -d: -f6)
}
hand_over() {
[[ $RUNNER_USER == root ]] && return
leave_home || return
rm -f "$folder/run-helper.sh"
chown -R "$RUNNER_USER:" "$folder"
(shopt -s nullglob && chown -R root: "$folder"/{bi[n],external[s],*.sh,*.template})
chown root "$folder" && chmod 1770 "$folder"
}
leave_home() {
local each real
real=$(realpath "$folder") || return
while IFS=: read -r _ _ _ _ _ each _; do
each=$(realpath -m "${each:-/}")
[[ $each/ == "$real"/* ]] || continue
mkdir -p "$unpacked" || return
(shopt -s nullglob && cp -aH "$folder"/{bi[n],external[s],*.sh,*.template,.en[v]} "$unpacked") || return
folder=$unpacked
return
done < <(getent passwd; getent passwd "$RUNNER_USER")
}
install_runner() {
local named
named=$(environment | sed -n 's/^RUNNER_HOME=//p' | tail -n 1)
for folder in "${RUNNER_HOME:-$named}" /opt/actions-runner; do
[[ -x $folder/config.sh ]] || continue
[[ $(cd "$folder" && RUNNER_ALLOW_RUNASROOT=1 ./config.sh --version) == "$RUNNER_VERSION" ]] || continue
say "runner.found folder=$folder"
hand_over
return
done
folder=$unpacked
download_runner && hand_over
}
download_runner() {
local url sha256 attempt archive
case "$(uname -m)" in
x86_64) url=$RUNNER_URL_X64 sha256=$RUNNER_SHA256_X64 ;;
aarch64 | arm64) url=$RUNNER_URL_ARM64 sha256=$RUNNER_SHA256_ARM64 ;;
*) say "runner.unavailable machine=$(uname -m)" && return 1 ;;
esac
[[ $sha256 ]] || say runner.unverified
archive=$folder.tar.gz
mkdir -p "$folder" || return
for attempt in 1 2 3 4; do
curl -fsSL --proto-redir =https --connect-timeout 10 --max-time 90 -o "$archive" "$url" &&
{ [[ -z $sha256 ]] || sha256sum --check <<<"$sha256  $archive"; } &&
tar -xzf "$archive" --no-same-owner -C "$folder" && rm -f "$archive" && return
say "runner.download_failed attempt=$attempt"
sleep 3
done
rm -f "$archive"
return 1
}
configure() {
local token
token=$(registration_token) && [[ $token ]] || return
(export ACTIONS_RUNNER_INPUT_TOKEN=$token && exec_runner timeout 30 ./config.sh "$@")
}
register() {
local attempt
((++registrations))
for attempt in 1 2 3; do
rm -f "$folder"/{.runner,.credentials}{,_migrated} "$folder/.credentials_rsaparams"
configure --unattended --replace --disableupdate --no-default-labels --labels "$1" \
--url "$REGISTRATION_URL" --name "$instance_id-$registrations" && return
say "registration.failed attempt=$attempt"
sleep 1
done
return 1
}
unregister() {
[[ $1 == OK ]] && configure remove && return
say 'registration.left'
(exec_runner timeout 15 ./config.sh remove --local)
}
start_runner() {
exec_runner setsid ./run.sh &
session=$!
}
alive() { grep -qv '^Z' < <(ps -o stat= -s "$session" "$@"); }
stop_runner() {
local _ user=()
[[ $RUNNER_USER == root ]] || user=(-u "$RUNNER_USER")
pkill -TERM -s "$session"
for _ in {1..30}; do
alive || break
sleep 1
done
for _ in {1..25}; do
pkill -KILL -s "$session"
[[ ${user[*]} ]] && pkill -KILL "${user[@]}"
alive "${user[@]}" || return 0
sleep 0.2
done
return 1
}
await_run() {
local found
while :; do
found=$(own runId) || sleep 2
is_run "$found" && break
sleep 0.25
done
printf '%s' "$found"
}
await_release() {
local found
while :; do
found=$(own 'runId.S || Item.PK') && [[ $found && $found != "$1" ]] && return
[[ -z $session ]] || kill -0 "$session" || { stop_runner; start_runner; }
sleep 10
done
}
serve() {
local run stopped removed
while :; do
run=$(await_run)
session=''
if ! register "$run"; then
signal UD_REG_FAILED "$run"
await_release "$run"
continue
fi
signal UD_REG_OK "$run"
start_runner
await_release "$run"
stopped=OK removed=OK
stop_runner || stopped=FAILED
unregister "$stopped" || removed=FAILED stopped=FAILED
signal "UD_REMOVE_REG_$removed" "$run"
signal "UD_REMOVE_REG_REMOVE_RUN_$stopped" "$run"
done
}
run_script() {
local script first='' shell=bash option='' code
script=$(mktemp) && base64 --decode >"$script" <<<"$PRE_RUNNER_SCRIPT_BASE64" || return
IFS= read -r first <"$script"
[[ $first != '#!'* ]] || read -r shell option <<<"${first:2}"
"$shell" ${option:+"$option"} "$script"
code=$?
rm -f "$script"
return "$code"
}
fail() {
say "$2"
signal "$1" "$initial_run"
exit 1
}
instance_id=''
end_when_overdue &
instance_id=$(insist metadata instance-id)
is_instance "$instance_id" || { say "instance.refused id=${instance_id@Q}"; exit 1; }
initial_run=$(insist metadata tags/instance/InitialRunId)
is_run "$initial_run" || { say "instance.refused run=${initial_run@Q}"; exit 1; }
say "instance.started id=$instance_id run=$initial_run runner=$RUNNER_VERSION"
add_user || fail UD_FAILED "user.failed name=$RUNNER_USER"
run_script || fail UD_FAILED "script.failed exit=$?"
signal UD_OK "$initial_run"
install_runner || fail UD_REG_FAILED 'runner.not_installed'
beat &
serve &
