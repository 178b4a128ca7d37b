"""AWS and GitHub in memory, behind the narrow clients, with AWS's real behaviour where the emulators differ.

Every call is a place to crash, to fail and to be overtaken: see `account.Account`.
"""
