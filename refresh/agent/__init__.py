"""The program of an instance: constant shell files, and the user data that contains them."""
