# overdue: whether the threshold passed more than a minute ago. What cannot be read ends nothing.
overdue() {
    local threshold ends
    threshold=$(own threshold) || return
    [[ $threshold =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$ ]] || return
    ends=$(date -d "$threshold" +%s) || return
    ((ends + 60 < $(date +%s)))
}

# While nobody knows whether the tag is there, it counts as there.
protected() {
    local tag
    tag=$(metadata tags/instance/refresh-action:protect) && [[ $tag != true ]] && return 1
    return 0
}

# The template has EC2 terminate an instance that shuts itself down.
end_when_overdue() {
    local refusals=0
    while sleep 15; do
        overdue || continue
        protected && continue
        say "instance.overdue refusals=$refusals"
        call_aws ec2 terminate-instances --instance-ids "$instance_id" >/dev/null && continue
        ((++refusals < 5)) || shutdown -h now || poweroff
    done
}
