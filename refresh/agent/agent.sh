# await_run: wait until the record names a run, and print it.
await_run() {
    local found
    while :; do
        found=$(own runId) || sleep 2
        is_run "$found" && break
        sleep 0.25
    done
    printf '%s' "$found"
}

# await_release RUN: wait until the record names another run or none, and restart a runner that exits. Without a record the run goes
# on: a lost table must not cut off jobs.
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
        # The runner stops first: without its registration it takes half a minute to exit.
        stop_runner || stopped=FAILED
        unregister "$stopped" || removed=FAILED stopped=FAILED
        signal "UD_REMOVE_REG_$removed" "$run"
        signal "UD_REMOVE_REG_REMOVE_RUN_$stopped" "$run"
    done
}

# run_script: run it by the shell and option of its first line, so that it also works in a /tmp mounted noexec.
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
