folder=''
home=''
unpacked=/opt/refresh-runner
session=''
registrations=0

# environment: print the variables of logins in /etc/environment as lines NAME=value, as text and never as shell, without those that
# the agent sets. Only the runner gets them, since a job can write that file.
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

# exec_runner COMMAND...: replace this process by it, in the runner's folder and as its user. runuser would stay as its parent,
# and start_runner would not know the session.
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

# The user may add files to the runner's folder, but neither change nor move the runner's own.
hand_over() {
    [[ $RUNNER_USER == root ]] && return
    leave_home || return
    rm -f "$folder/run-helper.sh"
    chown -R "$RUNNER_USER:" "$folder"
    (shopt -s nullglob && chown -R root: "$folder"/{bi[n],external[s],*.sh,*.template})
    chown root "$folder" && chmod 1770 "$folder"
}

# A folder that is, or contains, the home of any user is left unchanged: the runner is copied out of it.
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

# Use the image's runner if it has the wanted version, otherwise GitHub's archive. A boot does not have the variables of
# /etc/environment.
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

# The token is passed in the environment, from which the runner removes it, and not as an argument, which processes can list.
configure() {
    local token
    token=$(registration_token) && [[ $token ]] || return
    (export ACTIONS_RUNNER_INPUT_TOKEN=$token && exec_runner timeout 30 ./config.sh "$@")
}

# GitHub may have migrated the runner to files of other names, which configure it too.
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

# unregister STOPPED: GitHub does not accept every token for it, and processes that survived the stop must not see one. Refresh
# later removes a registration that is left on GitHub.
unregister() {
    [[ $1 == OK ]] && configure remove && return
    say 'registration.left'
    (exec_runner timeout 15 ./config.sh remove --local)
}

start_runner() {
    exec_runner setsid ./run.sh &
    session=$!
}

# alive [-u USER]: whether a process of the runner's session (or of the user) still runs. Zombies do not count: their parent may be
# slow to reap them.
alive() { grep -qv '^Z' < <(ps -o stat= -s "$session" "$@"); }

stop_runner() {
    local _ user=()
    [[ $RUNNER_USER == root ]] || user=(-u "$RUNNER_USER")
    pkill -TERM -s "$session"
    for _ in {1..30}; do
        alive || break
        sleep 1
    done
    # Processes left by a job must not see the next registration; those that they fork meanwhile are found by the next pass.
    for _ in {1..25}; do
        pkill -KILL -s "$session"
        [[ ${user[*]} ]] && pkill -KILL "${user[@]}"
        alive "${user[@]}" || return 0
        sleep 0.2
    done
    return 1
}
