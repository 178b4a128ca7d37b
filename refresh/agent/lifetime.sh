# ticks: seconds since boot, which no step of the clock moves.
ticks() { cut -d. -f1 /proc/uptime; }

is_instance() { [[ $1 =~ ^i-[0-9a-f]{8,17}$ ]]; }

# overdue: whether the threshold passed more than a minute ago. What cannot be read ends nothing but moves no fuse either: `fuse` is
# when the instance has done without a record for too long, a day after the last threshold or after it first saw a record.
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

# While it is unknown whether the tag is there, it counts as there, for a quarter of an hour.
protected() {
    local answer
    if answer=$(metadata tags/instance/refresh-action:protect); then
        tag=$answer silences=0
    elif ((++silences < 60)); then
        return
    fi
    [[ $tag == true ]]
}

# The template has EC2 terminate an instance that shuts itself down.
end_when_overdue() {
    local refusals=0 silences=0 seen=0 tag='' pause=0 fuse=$(($(ticks) + 3600))
    while :; do
        # A job may end it, as `pkill sleep` does.
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
