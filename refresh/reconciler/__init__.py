"""What is kept as desired: a folder for each component, and `reconciliation`, which runs those in `registered`.

A component observes, plans (pure) and applies until its plan is empty: see `refresh.engine`. This file imports nothing,
so that `prefetch` can ask AWS before the components are loaded.
"""
