#!/usr/bin/env bash
# Stands in for the runner's run.sh: runs until it is told to end, beside a process that a job left behind.
echo "run.sh as $(id -un) with ${ACTIONS_RUNNER_INPUT_TOKEN:-no token}" >>"$RECORD/calls"
echo 'told by the runner'
trap 'echo "run.sh ended" >>"$RECORD/calls"; exit' TERM
[[ ! -e $RECORD/stubborn ]] || trap '' TERM
[[ ! -e $RECORD/job.sh ]] || bash "$RECORD/job.sh" >>"$RECORD/job" 2>&1
while [[ ! -e $RECORD/crash ]]; do sleep 0.1; done
rm -f "$RECORD/crash"
echo 'run.sh crashed' >>"$RECORD/calls"
