# SPDX-License-Identifier: GPL-2.0-only
"""A program on a terminal: tmux is the emulator, it says what is on the screen and in which state the terminal was left."""
import itertools
import os
import subprocess
import tempfile

from memgap import SECONDS, is_alive, read, wait_for

numbers = itertools.count(1)

# what surrounds the program: the terminal's modes before and after it, its exit status; then the terminal stays
# (dash ends with a Ctrl-C that is for its command, too, unless it has a trap)
AROUND = 'trap : INT QUIT; stty -a >"$0/before"; "$@" 2>"$0/errors"; echo $? >"$0/status.new"; stty -a >"$0/after"; mv "$0/status.new" "$0/status"; exec cat'


class Screen:
    """A terminal of its own, with a shell that runs the command; gone at the end of the test."""

    def __init__(self, test, *command, width=160, height=30, environment=()):
        self.socket = f"memgap-test-{os.getpid()}-{next(numbers)}"
        self.directory = tempfile.mkdtemp(prefix="memgap-screen-")
        test.addCleanup(self.remove)
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height),
                  "env", "LC_ALL=C.UTF-8", *environment, "sh", "-c", AROUND, self.directory, *command)
        self.shell = int(self.tmux("display-message", "-p", "#{pane_pid}"))

    def tmux(self, *arguments):
        run = subprocess.run(["tmux", "-u", "-L", self.socket, *arguments], capture_output=True, text=True, timeout=SECONDS,
                             env={**os.environ, "LC_ALL": "C.UTF-8"}, check=False)
        if run.returncode:
            raise AssertionError(f"tmux {arguments}: {run.stderr}")
        return run.stdout

    def remove(self):
        subprocess.run(["tmux", "-L", self.socket, "kill-server"], capture_output=True, timeout=SECONDS, check=False)
        subprocess.run(["rm", "-rf", self.directory], timeout=SECONDS, check=True)

    def pid(self):
        """Of the command, as soon as it runs."""
        path = f"/proc/{self.shell}/task/{self.shell}/children"

        def running():
            for pid in map(int, read(path).split()):
                if read(f"/proc/{pid}/comm").strip() == "memgap":
                    return pid
            return None
        return wait_for(running, "the command runs")

    def keys(self, *keys):
        """As tmux names them: "Enter", "Up", "F4", "x"."""
        self.tmux("send-keys", *keys)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def resize(self, width, height):
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    def lines(self):
        return self.tmux("capture-pane", "-p").rstrip("\n").split("\n")

    def text(self):
        return "\n".join(self.lines())

    def coloured(self):
        """With the escape sequences that the colours were made of."""
        return self.tmux("capture-pane", "-p", "-e")

    def see(self, condition, what, seconds=SECONDS):
        """Waits until condition(lines) is true; returns what it returned."""
        try:
            return wait_for(lambda: condition(self.lines()), what, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text()}\n{self.errors()}") from None

    def see_text(self, text, seconds=SECONDS):
        return self.see(lambda lines: any(text in line for line in lines), f"'{text}'", seconds)

    def see_no_text(self, text, seconds=SECONDS):
        return self.see(lambda lines: not any(text in line for line in lines), f"no '{text}'", seconds)

    def flags(self):
        """(on the other screen, the cursor is shown, the keypad sends its own codes)"""
        return tuple(self.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag} #{keypad_flag}").split())

    def errors(self):
        return read(f"{self.directory}/errors") if os.path.exists(f"{self.directory}/errors") else ""

    def status(self):
        """The command's exit status, once it has ended."""
        path = f"{self.directory}/status"
        wait_for(lambda: os.path.exists(path), "the command has ended")
        return int(read(path))

    def modes(self):
        """What stty says of before and of after."""
        self.status()
        return read(f"{self.directory}/before"), read(f"{self.directory}/after")

    def is_running(self):
        return is_alive(self.shell) and not os.path.exists(f"{self.directory}/status")
