# SPDX-License-Identifier: GPL-2.0-only
"""Runs the fuzzers of build/fuzz: on inputs that are known, or on such as they make up, for a time."""
import glob
import os
import re
import subprocess
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath("build/fuzz")
CORPUS = f"{BUILD}/corpus"
ARTIFACTS = f"{BUILD}/artifacts"

TARGETS = sorted(os.path.basename(path)[len("fuzz_"):-len(".c")] for path in glob.glob(f"{HERE}/fuzz_*.c"))

# Bytes of an input at most, where 4096 are not enough: ELF files, requests with large headers, whole files of /proc.
LONGEST = {"elf": 16384, "go_program": 16384, "recording": 16384, "http": 20480}

# An input that takes so long is a bug, but where nobody else wants the core: the fuzzers have what is left over.
SECONDS_ALONE = 5
SECONDS_BESIDE_OTHERS = 60
REPLAY_SECONDS = 60
MIB_MOST = 1024


def inputs_of(target):
    """The directories with the inputs that are known: seeds, and what once was a bug."""
    return [path for path in (f"{HERE}/seeds/{target}", f"{HERE}/regressions/{target}") if os.path.isdir(path)]


def files_of(target):
    return sorted(path for folder in inputs_of(target) for path in glob.glob(f"{folder}/*"))


def corpus_of(target):
    """What it has found so far, with which it begins again."""
    return glob.glob(f"{CORPUS}/{target}/*")


class Failed(Exception):
    """A fuzzer's end that is none to be content with; its output is the text."""

    def __init__(self, text, core_s):
        super().__init__(text)
        self.core_s = core_s


def run(target, arguments, seconds, idle=False):
    """The fuzzer's output, and the seconds of a core that it had. It is ended, and has failed, when it takes longer than that."""
    os.makedirs(ARTIFACTS, exist_ok=True)
    command = (["chrt", "--idle", "0"] if idle else []) + [f"{BUILD}/fuzz_{target}", f"-rss_limit_mb={MIB_MOST}"] + arguments
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        environment = dict(os.environ, TMPDIR=folder, UBSAN_OPTIONS="print_stacktrace=1",
                           ASAN_OPTIONS="quarantine_size_mb=16:detect_leaks=1")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
        timer = threading.Timer(seconds, process.kill)
        timer.start()
        output = process.stdout.read().decode(errors="replace")
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    core_s = usage.ru_utime + usage.ru_stime
    if process.returncode:
        raise Failed(f"fuzz_{target} ended with status {process.returncode}\n{output[-6000:]}", core_s)
    return output, core_s


def replay(target, files):
    """Each of the files once; how many it were. Failed when one of them is a bug."""
    output, _ = run(target, [f"-timeout={SECONDS_ALONE}", f"-artifact_prefix={ARTIFACTS}/{target}-", *files], REPLAY_SECONDS)
    return len(re.findall(r"^Executed .* in \d+ ms$", output, re.MULTILINE))


class Result:
    """What fuzzing a target came to."""

    def __init__(self, output, core_s):
        self.core_s = core_s
        state = re.findall(r"cov: (\d+) ft: \d+ corp: (\d+)/", output)
        executed = re.search(r"stat::number_of_executed_units:\s+(\d+)", output)
        speed = re.search(r"stat::average_exec_per_sec:\s+(\d+)", output)
        self.edges, self.inputs = (int(figure) for figure in state[-1]) if state else (0, 0)
        self.executions = int(executed.group(1)) if executed else 0
        self.per_second = int(speed.group(1)) if speed else 0


def was_only_slow(path, target):
    """Whether an input took its time since others had the core: it does not when it has one."""
    try:
        replay(target, [path])
    except Failed:
        return False
    os.unlink(path)
    return True


def fuzz(target, seconds):
    """Result; Failed when a crash, a leak, too much memory, or an input that takes too long was found."""
    corpus = f"{CORPUS}/{target}"
    dictionary = f"{HERE}/dictionaries/{target}"
    prefix = f"{ARTIFACTS}/{target}-"
    os.makedirs(corpus, exist_ok=True)
    before = set(glob.glob(f"{prefix}*"))
    arguments = [f"-max_total_time={seconds}", f"-timeout={SECONDS_BESIDE_OTHERS}", "-print_final_stats=1", f"-artifact_prefix={prefix}",
                 f"-max_len={LONGEST.get(target, 4096)}", "-reload=0"]
    if os.path.exists(dictionary):
        arguments.append(f"-dict={dictionary}")
    try:
        return Result(*run(target, arguments + [corpus] + inputs_of(target), 2 * seconds + 300, idle=True))
    except Failed as failure:
        found = set(glob.glob(f"{prefix}*")) - before
        slow = [path for path in found if os.path.basename(path).startswith((f"{target}-timeout-", f"{target}-slow-unit-"))]
        if slow and set(slow) == found and all(was_only_slow(path, target) for path in slow):
            return Result(str(failure), failure.core_s)
        raise
