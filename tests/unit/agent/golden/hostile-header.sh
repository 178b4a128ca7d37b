#!/usr/bin/env bash
export AWS_REGION='$(touch owned) `touch owned` '"'"' " \ ; touch owned
# EOF
END_OF_AGENT
'
export TABLE_NAME='$(touch owned) `touch owned` '"'"' " \ ; touch owned
# EOF
END_OF_AGENT
'
export REGISTRATION_URL='$(touch owned) `touch owned` '"'"' " \ ; touch owned
# EOF
END_OF_AGENT
'
export RUNNER_USER='$(touch owned) `touch owned` '"'"' " \ ; touch owned
# EOF
END_OF_AGENT
'
export RUNNER_VERSION='$(touch owned) `touch owned` '"'"' " \ ; touch owned
# EOF
END_OF_AGENT
'
export RUNNER_URL_X64='$(touch owned) `touch owned` '"'"' " \ ; touch owned
# EOF
END_OF_AGENT
'
export RUNNER_SHA256_X64='$(touch owned) `touch owned` '"'"' " \ ; touch owned
# EOF
END_OF_AGENT
'
export RUNNER_URL_ARM64='$(touch owned) `touch owned` '"'"' " \ ; touch owned
# EOF
END_OF_AGENT
'
export RUNNER_SHA256_ARM64='$(touch owned) `touch owned` '"'"' " \ ; touch owned
# EOF
END_OF_AGENT
'
export ORIGINAL_MODES=true
export PRE_RUNNER_SCRIPT_SHA256=''