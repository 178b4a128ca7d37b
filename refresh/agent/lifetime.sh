# ticks: print the seconds since boot, which steps of the clock do not change.
ticks() { cut -d. -f1 /proc/uptime; }

is_instance() { [[ $1 =~ ^i-[0-9a-f]{8,17}$ ]]; }

# overdue: whether the threshold passed more than a minute ago. An unreadable record ends nothing and leaves `fuse`, the time from
# which the instance is without a record for too long, a day after the last threshold or after the first record.
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

# While it is unknown whether the instance has the tag, it counts as protected, for a quarter of an hour.
protected() {
    local answer
    if answer=$(metadata tags/instance/refresh-action:protect); then
        tag=$answer silences=0
    elif ((++silences < 60)); then
        return
    fi
    [[ $tag == true ]]
}

# The template lets EC2 terminate an instance that shuts down.
end_when_overdue() {
    local refusals=0 silences=0 seen=0 tag='' pause=0 fuse=$(($(ticks) + 3600))
    while :; do
        # A job may kill it, for example by `pkill sleep`.
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
