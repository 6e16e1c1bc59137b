#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The first process of a virtual machine from its root on: makes of it a usual host with cgroup v2, runs the command that
# machine.sh has left, says how it ended, and switches off. Serial ports: 0 console, 1 and 2 the command's stdout and stderr,
# 3 its exit status.
set -eu
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8

mount -t proc proc /proc
mount -t sysfs sys /sys
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs run /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tracefs tracefs /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
ln -sf /proc/self/fd /dev/fd
read -ra controllers </sys/fs/cgroup/cgroup.controllers
for controller in "${controllers[@]}"; do
	echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
done
swap=$(cat /swap-device)
mkswap "$swap" >/dev/null
swapon "$swap"
# what khugepaged makes one large page of is all resident again, at any moment: what a trim gave back too
khugepaged=/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs
[ ! -e "$khugepaged" ] || echo 4294967295 >"$khugepaged"
hostname memgap-vm
ip link set lo up

for port in 1 2 3; do
	stty -F "/dev/ttyS$port" raw -echo
done
mkfifo /run/stdout /run/stderr
cat /run/stdout >/dev/ttyS1 &
writers=$!
cat /run/stderr >/dev/ttyS2 &
writers+=" $!"
cd /memgap
status=0
bash .command </dev/null >/run/stdout 2>/run/stderr || status=$?
# a process that it left behind may still hold them
for _ in {1..50}; do
	# shellcheck disable=SC2086
	kill -0 $writers 2>/dev/null || break
	sleep 0.1
done
echo "$status" >/dev/ttyS3
echo b >/proc/sysrq-trigger
