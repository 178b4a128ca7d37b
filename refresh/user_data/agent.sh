
# The rest is constant: every value it uses stands in the header above.
set -u

log_file="${USER_DATA_LOG:-/var/log/user-data.log}"
touch "$log_file" && chmod 600 "$log_file"
exec >>"$log_file" 2>&1

# A dead instance's signal leaves the table by itself after this many seconds.
readonly SIGNAL_LIFETIME=86400
readonly METADATA_URL=http://169.254.169.254/latest

say() { printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*"; }

# Ask the instance metadata service (IMDSv2) until it answers.
metadata() {
    local token
    until token=$(curl -sSf --max-time 5 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$METADATA_URL/api/token") &&
        curl -sSf --max-time 5 -H "X-aws-ec2-metadata-token: $token" "$METADATA_URL/meta-data/$1"; do
        sleep 1
    done
}

# signal STATE: tell provision, and write until it is written.
signal() {
    local now
    until
        now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
        aws dynamodb put-item --region "$AWS_REGION" --table-name "$TABLE_NAME" --item "{
            \"PK\": {\"S\": \"TYPE#WS\"}, \"SK\": {\"S\": \"ID#$instance_id\"},
            \"entityType\": {\"S\": \"WS\"}, \"identifier\": {\"S\": \"$instance_id\"},
            \"value\": {\"M\": {\"state\": {\"S\": \"$1\"}, \"runId\": {\"S\": \"$run_id\"}}},
            \"updatedAt\": {\"S\": \"$now\"}, \"expiresAt\": {\"N\": \"$(($(date +%s) + SIGNAL_LIFETIME))\"}}"
    do
        say "signal.failed $1"
        sleep 2
    done
    say "signal.written $1"
}

instance_id=$(metadata instance-id)
run_id=$(metadata tags/instance/InitialRunId)
# Both travel inside JSON, so they may only be what AWS and GitHub make of them.
if ! [[ $instance_id =~ ^i-[0-9a-f]{8,17}$ && $run_id =~ ^[A-Za-z0-9_.-]{1,64}$ ]]; then
    say "instance.refused id=$instance_id run=$run_id"
    exit 1
fi
say "instance.started id=$instance_id run=$run_id runner=$RUNNER_VERSION"

script=$(mktemp)
printf '%s' "$PRE_RUNNER_SCRIPT_BASE64" | base64 --decode >"$script"
if bash "$script"; then
    signal UD_OK
else
    say "script.failed exit=$?"
    signal UD_FAILED
    exit 1
fi
