# SPDX-License-Identifier: GPL-2.0-only
"""Programs with libmemgap-trim preloaded, and what they give back."""
import os
import signal
import unittest

from memgap import status_of, wait_for

LIBRARY = os.path.abspath("build/libmemgap-trim.so")
# nothing is given back by itself
KEEP = {"MALLOC_CONF": "dirty_decay_ms:-1,muzzy_decay_ms:-1", "TCMALLOC_RELEASE_RATE": "0"}
RTMIN_2 = 36  # as glibc and the library count


def preloaded(*libraries, **variables):
    return {**os.environ, "LD_PRELOAD": " ".join([LIBRARY, *libraries]), **variables}


def rss_of(pid):
    return status_of(pid)["VmRSS"]


class GivesBack(unittest.TestCase):
    def check_given_back(self, pid, least, number=signal.SIGUSR1, most=None):
        """At the signal so much comes back; returns RSS before and after."""
        before = rss_of(pid)
        os.kill(pid, number)
        wait_for(lambda: before - rss_of(pid) >= least, f"{least >> 20} MiB given back of {before >> 20}")
        return before, rss_of(pid)
