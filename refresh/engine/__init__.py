"""How a component is brought to its desired state: changes, the loop that makes a plan empty, and the report."""
