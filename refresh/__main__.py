"""`python -m refresh`: the command line."""

import sys

# Even Python 2 must be able to parse this file, otherwise it prints a traceback instead of this line.
if sys.version_info < (3, 11):  # noqa: UP036 - people may start it with an older one
    sys.stderr.write(
        "error: refresh: Python 3.11 or newer is required; this is Python " + sys.version.split()[0] + "\n"
    )
    sys.exit(2)

if __name__ == "__main__":
    try:
        from refresh.start import command
    except KeyboardInterrupt:
        sys.exit("error: refresh: stopped as asked, before anything was done.")
    command()
