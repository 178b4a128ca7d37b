"""What is kept as desired: a component for each row of README's "What it keeps", and `reconciliation`, which runs all.

A component observes, plans (pure) and applies until its plan is empty: see `component` and `convergence`. This file
imports nothing, so that `prefetch` can ask AWS before the rest is loaded.
"""
