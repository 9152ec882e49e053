"""Programs that measure times go before those that they measure, so that what they see is not the
scheduler's."""

import gc
import os
import sys


def run_before_programs():
    """Gives this process real-time priority where it may have it, and takes the garbage collector's
    pauses away; threads that it makes later inherit the priority."""
    gc.disable()
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        print("without real-time priority", file=sys.stderr, flush=True)
