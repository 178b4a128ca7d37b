"""The protocol of GitHub's runner and the process: commands, redacted output, the log, signals, defects."""
