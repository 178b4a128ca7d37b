# Use the instance's role alone: a job can write AWS configuration for root, which must not redirect the agent. No call may hang for
# ever, or the threshold would no longer be watched.
call_aws() {
    AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_PAGER='' AWS_MAX_ATTEMPTS=2 \
        timeout 60 aws --region "$AWS_REGION" --cli-connect-timeout 3 --cli-read-timeout 5 "$@"
}

# put ENTITY VALUE: write this instance's item, which expires after a day. Every part is constant or validated, so nothing can end a
# value early.
put() {
    local now
    now=$(date +%s)
    call_aws dynamodb put-item --table-name "$TABLE_NAME" --item "PK={S=TYPE#$1},SK={S=ID#$instance_id},\
entityType={S=$1},identifier={S=$instance_id},value=$2,\
updatedAt={S=$(date -ud "@$now" +%FT%TZ)},expiresAt={N=$((now + 86400))}"
}

# signal STATE RUN: signal to provision and release; repeat until it is written.
signal() {
    insist put WS "{M={state={S=$1},runId={S=$2}}}"
    say "signal.written $1 run=$2"
}

# look_up ENTITY IDENTIFIER PATH: print a text of an item; nothing if it is absent.
look_up() {
    call_aws dynamodb get-item --consistent-read --table-name "$TABLE_NAME" --output text \
        --key "PK={S=TYPE#$1},SK={S=ID#$2}" --query "Item.$3.S || ''"
}

own() { look_up INSTANCE "$instance_id" "$1"; }
registration_token() { look_up METADATA gh_registration_token value.M.token; }

# Beat every 5 seconds, however long the call takes; after 15 seconds provision considers the instance dead.
beat() {
    while :; do
        sleep 5 &
        put HEARTBEAT '{S=PING}'
        wait "$!"
    done
}
