# By the instance's role alone: a job may write AWS configuration for root, and it must not lead the agent elsewhere. No call hangs
# for ever, or the threshold would not be watched any more.
call_aws() {
    AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_PAGER='' AWS_MAX_ATTEMPTS=2 \
        timeout 60 aws --region "$AWS_REGION" --cli-connect-timeout 3 --cli-read-timeout 5 "$@"
}

# put ENTITY VALUE: write this instance's item, which leaves the table by itself after a day. All of it is constant or was
# checked, so nothing can end a value early.
put() {
    local now
    now=$(date +%s)
    call_aws dynamodb put-item --table-name "$TABLE_NAME" --item "PK={S=TYPE#$1},SK={S=ID#$instance_id},\
entityType={S=$1},identifier={S=$instance_id},value=$2,\
updatedAt={S=$(date -ud "@$now" +%FT%TZ)},expiresAt={N=$((now + 86400))}"
}

# signal STATE RUN: tell provision and release, until it is written.
signal() {
    insist put WS "{M={state={S=$1},runId={S=$2}}}"
    say "signal.written $1 run=$2"
}

# look_up ENTITY IDENTIFIER PATH: print a text of an item, nothing where it is absent.
look_up() {
    call_aws dynamodb get-item --consistent-read --table-name "$TABLE_NAME" --output text \
        --key "PK={S=TYPE#$1},SK={S=ID#$2}" --query "Item.$3.S || ''"
}

own() { look_up INSTANCE "$instance_id" "$1"; }
registration_token() { look_up METADATA gh_registration_token value.M.token; }

# Every 5 seconds, however long the call takes; after 15 without one provision takes the instance for dead.
beat() {
    while :; do
        sleep 5 &
        put HEARTBEAT '{S=PING}'
        wait "$!"
    done
}
