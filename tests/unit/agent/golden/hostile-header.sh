#!/usr/bin/env bash
readonly AWS_REGION='$(touch owned) `touch owned` '"'"' " \ ; touch owned
# EOF
EOF
'
readonly TABLE_NAME='$(touch owned) `touch owned` '"'"' " \ ; touch owned
# EOF
EOF
'
readonly REGISTRATION_URL='$(touch owned) `touch owned` '"'"' " \ ; touch owned
# EOF
EOF
'
readonly RUNNER_USER='$(touch owned) `touch owned` '"'"' " \ ; touch owned
# EOF
EOF
'
readonly RUNNER_VERSION='$(touch owned) `touch owned` '"'"' " \ ; touch owned
# EOF
EOF
'
readonly RUNNER_URL_X64='$(touch owned) `touch owned` '"'"' " \ ; touch owned
# EOF
EOF
'
readonly RUNNER_SHA256_X64='$(touch owned) `touch owned` '"'"' " \ ; touch owned
# EOF
EOF
'
readonly RUNNER_URL_ARM64='$(touch owned) `touch owned` '"'"' " \ ; touch owned
# EOF
EOF
'
readonly RUNNER_SHA256_ARM64='$(touch owned) `touch owned` '"'"' " \ ; touch owned
# EOF
EOF
'
readonly PRE_RUNNER_SCRIPT_BASE64=JCh0b3VjaCBvd25lZCkgYHRvdWNoIG93bmVkYCAnICIgXCA7IHRvdWNoIG93bmVkCiMgRU9GCkVPRgo=