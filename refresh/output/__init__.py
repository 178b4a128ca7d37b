"""What a run shows: log lines, annotations, the job summary, step outputs, and the report as JSON."""
