#!/usr/bin/env bash
# Stands in for the runner's run.sh: runs until it is told to end, beside a process that a job left behind.
echo "run.sh as $(id -un) with ${ACTIONS_RUNNER_INPUT_TOKEN:-no token}" >>"$RECORD/calls"
echo 'told by the runner'
env >"$RECORD/environment"

# A listener whose session GitHub has ended retries for half a minute before it looks at a signal.
end() {
    [[ -e .runner ]] || sleep 30
    echo 'run.sh ended' >>"$RECORD/calls"
    exit
}
trap end TERM
[[ ! -e $RECORD/stubborn ]] || trap '' TERM
# GitHub's service may give a runner that listens other settings and credentials.
[[ ! -e $RECORD/migrated ]] || touch .runner_migrated .credentials_migrated
# Costs no time of the processor.
[[ ! -e $RECORD/quiet ]] || { sleep infinity & wait; }
[[ ! -e $RECORD/job.sh ]] || bash "$RECORD/job.sh" >>"$RECORD/job" 2>&1
while [[ ! -e $RECORD/crash ]]; do sleep 0.1; done
rm -f "$RECORD/crash"
echo 'run.sh crashed' >>"$RECORD/calls"
