# SPDX-License-Identifier: GPL-2.0-only
"""What memgap itself takes: memory and CPU, with one process and with a thousand."""
import os
import re
import select
import subprocess
import time

from memgap import MEMGAP, Cgroup, Program, Watch, is_alive, read, stat_of, status_of, wait_for
from subject import PAIRS, Refused, Scope

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
ONE_CGROUP = "one cgroup"
SECONDS = 60  # to start or to end a thousand processes, or for memgap's first line of them


class IdleProcesses:
    """Processes that wait for a pipe to end, and end with it: also when this one is killed."""

    def __init__(self, scope):
        self.stdin, self.write_end = os.pipe()
        self.ready, self.stdout = os.pipe()
        self.processes = []
        scope.addCleanup(self.end)

    def add(self, n, cgroup):
        """n more of them; returns when all have started."""
        for _ in range(n):
            process = subprocess.Popen([PAIRS], stdin=self.stdin, stdout=self.stdout, stderr=subprocess.DEVNULL,
                                       start_new_session=True)
            self.processes.append(process)
            cgroup.add(process.pid)
        deadline, lines = time.monotonic() + SECONDS, 0
        while lines < n:
            if not select.select([self.ready], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError(f"{lines} of {n} processes started in {SECONDS} s")
            lines += os.read(self.ready, 65536).count(b"\n")

    def end(self):
        for fd in self.write_end, self.stdin, self.ready, self.stdout:
            os.close(fd)
        try:
            wait_for(lambda: not any(is_alive(process.pid) for process in self.processes), "the end of idle processes", 20)
        finally:
            for process in self.processes:
                process.kill()
                process.wait()


def cpu_ticks(pid):
    """User and system time so far, its own and that of children it has waited for (proc(5), fields 14 to 17)."""
    return sum(map(int, stat_of(pid)[11:15]))


def map_bytes(pid):
    """What the BPF maps of a process take, as the kernel shows it for each that it holds open; None if it does not."""
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            text = read(f"/proc/{pid}/fdinfo/{fd}")
        except FileNotFoundError:  # closed meanwhile
            continue
        fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        if "map_id" in fields and "memlock" in fields:
            found[int(fields["map_id"])] = int(fields["memlock"])
    return sum(found.values()) if found else None


def attach_times(pairs, times):
    """(memgap's own figure, from its start to its message) of each attach, in ms."""
    found = []
    for _ in range(times):
        with Scope() as scope:
            began = time.monotonic()
            program = Program(scope, "sh", "-c", 'exec "$@" 2>&1 >/dev/null', "sh", MEMGAP, "watch", "-p", str(pairs.pid),
                              env={**os.environ, "MEMGAP_DEBUG": "1"})
            while (line := program.line()) is not None:
                if attached := re.search(r"probes attached in ([\d.]+) ms", line):
                    found.append((float(attached[1]), (time.monotonic() - began) * 1e3))
                    break
            else:
                raise Refused(f"memgap ended without having attached: status {program.end()}")
            program.stop()
            program.end()
        pairs.wait_until_not_probed()
    return found


def target_of(sample):
    return sample["target"]["cgroup"], sample["target"].get("pid")


def measure_one(targets, seconds):
    """memgap at one line a second for each of the targets."""
    with Scope() as scope:
        began = time.monotonic()
        watch = Watch(scope, *targets, interval="1s")
        first = watch.sample(seconds=SECONDS)
        first_line_s = time.monotonic() - began
        start = watch.sample(lambda sample: sample["elapsed_s"] > first["elapsed_s"] + 0.5)
        ticks, began = cpu_ticks(watch.pid), time.monotonic()
        watch.sample(lambda sample: sample["elapsed_s"] > start["elapsed_s"] + seconds - 0.5, seconds + SECONDS)
        ticks, elapsed = cpu_ticks(watch.pid) - ticks, time.monotonic() - began
        status, last = status_of(watch.pid), {target_of(sample): sample["target"] for sample in watch.samples()}
        found = {"processes_seen": sum(target.get("processes") or 1 for target in last.values()),
                 "window_s": elapsed, "cpu_ticks": ticks,
                 "cpu_percent_of_a_core": 100 * ticks / TICKS_PER_S / elapsed,
                 "rss_bytes": status["VmRSS"], "rss_peak_bytes": status["VmHWM"], "bpf_maps_bytes": map_bytes(watch.pid),
                 "fds": len(os.listdir(f"/proc/{watch.pid}/fd")), "first_line_s": first_line_s}
        began = time.monotonic()
        watch.stop()
        watch.finish(SECONDS)
        return {**found, "end_s": time.monotonic() - began}


def measure_or_say(targets, how, processes, seconds):
    """The same; when it fails, nothing is known but why."""
    row = dict.fromkeys(("processes_seen", "window_s", "cpu_ticks", "cpu_percent_of_a_core", "rss_bytes", "rss_peak_bytes",
                         "bpf_maps_bytes", "fds", "first_line_s", "end_s"))
    try:
        row |= measure_one(targets, seconds)
        reason = None
    except (AssertionError, OSError) as error:
        reason = str(error)[:200]
    return {"processes": processes, "how": how, "ticks_per_s": TICKS_PER_S, **row, "reason": reason}


def options(cgroups):
    return [option for cgroup in cgroups for option in ("-c", cgroup.path)]


def measure(sizes, many_cgroups, pids, seconds, say):
    """One cgroup with each of these numbers of processes; the largest number in many cgroups; some by their pids."""
    found = []
    with Scope() as scope:
        # before the processes: cleaning up goes backwards, and a cgroup is removed when it is empty
        one, many = Cgroup(scope, "bench"), [Cgroup(scope, f"bench-{i}") for i in range(many_cgroups)]
        idle = IdleProcesses(scope)
        for size in sizes:
            say(f"{size} processes")
            idle.add(size - len(idle.processes), one)
            found.append(measure_or_say(options([one]), ONE_CGROUP, size, seconds))
        if many:
            say(f"{sizes[-1]} processes in {many_cgroups} cgroups")
            for i, process in enumerate(idle.processes):
                many[i % many_cgroups].add(process.pid)
            found.append(measure_or_say(options(many), f"{many_cgroups} cgroups", sizes[-1], seconds))
        if pids:
            say(f"{pids} pids")
            named = ",".join(str(process.pid) for process in idle.processes[:pids])
            found.append(measure_or_say(["-p", named], "-p", pids, seconds))
    return found
