"""What can be run: each action takes inputs, works, and shows what it did."""
