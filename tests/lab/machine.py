"""What others take from this machine while a test measures, and what the test makes of it: a bound
that holds on a quiet machine is eased by as much as was taken, and the output says so."""

import json
import subprocess
import sys
import time

TICK_S = 0.005
UNNOTICED_SHARE = 0.03  # of the CPU time: any virtual machine loses that
UNNOTICED_S = 0.01
EASE_PER_SHARE = 10     # a tenth of the CPU time stolen doubles a bound
EASE_PER_S = 20         # and so does a process that is woken 50 ms late
MOST_EASE = 8           # beyond that a bound would say nothing
DISTURBED_SHARE, DISTURBED_S = 0.1, 0.02


class Machine:
    """Others' use of this machine while the `with` lasts. Of the load of the test itself it sees
    nothing: it counts stolen time, and how late a process is woken that goes before all others."""

    def __enter__(self):
        self._before = cpu_times()
        self._watch = subprocess.Popen(["chrt", "-f", "2", sys.executable, __file__],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                       start_new_session=True)  # Ctrl-C is not for it
        return self

    def __exit__(self, *_):
        told, _ = self._watch.communicate(timeout=20)
        self.late_s = json.loads(told)
        stolen, every = (after - before for before, after in zip(self._before, cpu_times()))
        self.stolen = stolen / max(every, 1)

    @property
    def ease(self):
        """By how much a bound is eased: 1 on a quiet machine."""
        return min(MOST_EASE, 1 + EASE_PER_SHARE * max(0, self.stolen - UNNOTICED_SHARE)
                   + EASE_PER_S * max(0, self.late_s - UNNOTICED_S))

    @property
    def disturbed(self):
        """So much that the figures of a measurement are others'."""
        return self.late_s > DISTURBED_S or self.stolen > DISTURBED_SHARE

    def __str__(self):
        return f"{self.use()}: bounds are eased {self.ease:.1f} times"

    def use(self):
        return (f"others took {self.stolen:.0%} of the CPU time and {self.late_s * 1e3:.0f} ms at "
                f"once")


def fairly(measure, check, tries=3):
    """Measures until check(result, ease) asserts nothing, `tries` times at most; yields the
    result."""
    for left in reversed(range(tries)):
        with Machine() as machine:
            result = measure()
        if machine.ease > 1:
            print(machine, flush=True)
        try:
            check(result, machine.ease)
            return result
        except AssertionError as failure:
            if not left:
                raise
            print(f"measured again: {failure}", flush=True)


def cpu_times():
    """Stolen and all CPU time of all cores since the machine started, in ticks; proc(5)."""
    with open("/proc/stat") as file:
        times = [int(word) for word in file.readline().split()[1:9]]
    return times[7], sum(times)


def watch():
    """Until its standard input ends: then tells the longest that it was woken late, in s."""
    import select
    latest, before = 0.0, time.monotonic()
    while not select.select([sys.stdin], [], [], TICK_S)[0]:
        now = time.monotonic()
        latest = max(latest, now - before - TICK_S)
        before = now
    print(json.dumps(latest))


if __name__ == "__main__":
    watch()
