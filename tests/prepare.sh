#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# What a host may lack for memgap's probes though it could have it: a mounted tracefs.
set -euo pipefail

[ "$(id -u)" = 0 ] || { echo "this needs root: sudo make ${MAKECMDGOALS:-check}" >&2; exit 3; }
[ -e /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing
