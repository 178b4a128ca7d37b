"""What is kept as desired: a component for each row of the specification, and `reconciliation`, which runs them all.

A component observes, plans (pure) and applies until its plan is empty: see `component` and `convergence`. This file
imports nothing, so that `first_look` can ask AWS before the rest is loaded.
"""
