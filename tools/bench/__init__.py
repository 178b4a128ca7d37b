"""What a run costs: the real entrypoint as a process, behind a proxy that counts its calls and delays them."""
