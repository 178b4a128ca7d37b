runner_folder=''
runner_session=''
registrations=0

# exec_runner COMMAND...: become it, in the runner's folder, as its user.
exec_runner() {
    cd "$runner_folder" || exit
    HOME=$(getent passwd "$RUNNER_USER" | cut -d: -f6)
    export HOME RUNNER_ALLOW_RUNASROOT=1
    [[ $RUNNER_USER == root ]] || set -- runuser -u "$RUNNER_USER" -- "$@"
    exec "$@" >>"$RUNNER_LOG" 2>&1
}

add_user() { id "$RUNNER_USER" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$RUNNER_USER"; }

# The user may add files to the runner's folder, but neither change nor move what it consists of.
hand_over() {
    [[ $RUNNER_USER == root ]] && return
    rm -f "$runner_folder/run-helper.sh"
    chown -R "$RUNNER_USER:" "$runner_folder"
    (shopt -s nullglob && chown -R root: "$runner_folder"/{bi[n],external[s],*.sh,*.template})
    chown root "$runner_folder" && chmod 1770 "$runner_folder"
}

# The image's own runner if it is of the wanted version, else GitHub's archive. A boot has none of the variables that
# logins get from /etc/environment.
install_runner() {
    for runner_folder in "${RUNNER_HOME:-$(. /etc/environment && echo "${RUNNER_HOME:-}")}" /opt/actions-runner; do
        [[ -x $runner_folder/config.sh ]] || continue
        [[ $(cd "$runner_folder" && RUNNER_ALLOW_RUNASROOT=1 ./config.sh --version) == "$RUNNER_VERSION" ]] || continue
        say "runner.found folder=$runner_folder"
        hand_over
        return
    done
    runner_folder=/opt/refresh-runner
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
    archive=$runner_folder.tar.gz
    mkdir -p "$runner_folder" || return
    for attempt in 1 2 3 4; do
        curl -fsSL --proto-redir =https --connect-timeout 10 --max-time 90 -o "$archive" "$url" &&
            { [[ -z $sha256 ]] || sha256sum --check <<<"$sha256  $archive"; } &&
            tar -xzf "$archive" --no-same-owner -C "$runner_folder" && rm -f "$archive" && return
        say "runner.download_failed attempt=$attempt"
        sleep 3
    done
    rm -f "$archive"
    return 1
}

# The token travels in the environment, which the runner removes, not in the list of processes.
configure() {
    local token
    token=$(registration_token) && [[ $token ]] || return
    (export ACTIONS_RUNNER_INPUT_TOKEN=$token && exec_runner timeout 30 ./config.sh "$@")
}

register() {
    local attempt
    ((++registrations))
    for attempt in 1 2 3; do
        rm -f "$runner_folder"/{.runner,.credentials,.credentials_rsaparams}
        configure --unattended --replace --disableupdate --no-default-labels --labels "$1" \
            --url "$REGISTRATION_URL" --name "$instance_id-$registrations" && return
        say "registration.failed attempt=$attempt"
        sleep 1
    done
    return 1
}

# GitHub does not take every token for it; a registration that stays there is removed by refresh later.
unregister() {
    configure remove && return
    say 'registration.left'
    rm -f "$runner_folder/.runner"
    (exec_runner timeout 15 ./config.sh remove)
}

start_runner() {
    exec_runner setsid ./run.sh &
    runner_session=$!
}

alive() { pgrep -s "$runner_session" >/dev/null; }

stop_runner() {
    local waited
    pkill -TERM -s "$runner_session"
    for ((waited = 0; waited < 30; waited++)); do
        alive || break
        sleep 1
    done
    pkill -KILL -s "$runner_session"
    # What a job left behind must not see the next registration.
    [[ $RUNNER_USER == root ]] || pkill -KILL -u "$RUNNER_USER"
    sleep 0.2
    ! alive
}
