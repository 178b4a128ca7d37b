"""The life of a pool, played for real on a machine that has neither AWS nor GitHub."""
