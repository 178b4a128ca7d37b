"""The entry point of the container and the composite actions; the argument names the action, refresh without one."""

import sys

# Even Python 2 must be able to parse this file, otherwise it prints a traceback instead of this line.
if sys.version_info < (3, 11):  # noqa: UP036 - people may start it with an older one
    sys.stderr.write(
        "error: refresh: Python 3.11 or newer is required; this is Python " + sys.version.split()[0] + "\n"
    )
    sys.exit(2)

if __name__ == "__main__":
    import gc

    # Loading code creates no garbage; collection is enabled again when the run begins.
    gc.disable()
    try:
        from refresh.start import action
    except KeyboardInterrupt:
        sys.exit("error: refresh: stopped as asked, before anything was done.")
    action()
