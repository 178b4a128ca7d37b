"""The main job for real, on a machine that has neither AWS nor GitHub."""
