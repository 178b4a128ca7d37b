"""The protocol of GitHub's runner, and the process in it: commands, redacted output, the log, signals, defects."""
