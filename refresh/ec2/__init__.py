"""EC2 for all actions: instances are terminated at the rate that EC2 allows."""
