"""What every program of a pool agrees on: names, records, proof of ownership, and EC2's view of instances."""
