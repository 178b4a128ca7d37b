# fail STATE EVENT: report to provision and exit; the threshold is still watched.
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
