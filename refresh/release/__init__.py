"""Gives the machines of a run back: to the pool if they can be used again, otherwise to EC2.

The protocol is that of the reconciler's components: observe, plan, apply, until the plan is empty.
"""
