"""Provides machines for the jobs of a run: warm ones of the pool, and new ones for those that are missing.

As the reconciler's components it observes, plans and applies until nothing is left to do. In between it waits for the
machines, which register on GitHub by themselves.
"""
