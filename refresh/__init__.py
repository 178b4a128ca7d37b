"""Keeps a pool of EC2 self-hosted GitHub runners as its owner wants it."""
