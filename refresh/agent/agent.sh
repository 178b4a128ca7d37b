# await_run: print the run that the record names, once it names one.
await_run() {
    local found
    while :; do
        found=$(own runId) || sleep 2
        is_run "$found" && break
        sleep 0.25
    done
    printf '%s' "$found"
}

# await_release RUN: until the record names another run or none; a runner that ended by itself is started again. Where there is no
# record any more, the run goes on: a table that was lost must not cut off jobs.
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
        # The runner goes first: without its registration it takes half a minute to end.
        stop_runner || stopped=FAILED
        unregister "$stopped" || removed=FAILED stopped=FAILED
        signal "UD_REMOVE_REG_$removed" "$run"
        signal "UD_REMOVE_REG_REMOVE_RUN_$stopped" "$run"
    done
}

# run_script: by the shell and with the option of its first line, also from a /tmp in which nothing may be executed.
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
