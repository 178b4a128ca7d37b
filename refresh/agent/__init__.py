"""What runs on an instance: shell files that are constant, and the user data that carries them."""
