"""What a release does, step by step: the workflow runs it, `make release-dry-run` all but what leaves the machine."""
