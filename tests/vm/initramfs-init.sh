#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-only
# The first process of a virtual machine: finds the root and the payload by the numbers of the disk's namespaces (names of devices
# are not stable, and without an initramfs the kernel finds a root by name only), then goes on with init.sh.
set -e
PATH=/bin
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t sysfs sys /sys

# with_number N: waits for the namespace N; prints its device
with_number() {
	while :; do
		for file in /sys/block/nvme*/nsid; do
			device=${file%/nsid}
			device=/dev/${device##*/}
			# the paths to a namespace have one too, but no device (multipath)
			if [ -b "$device" ] && read -r number <"$file" && [ "$number" = "$1" ]; then
				echo "$device"
				return
			fi
		done
		/bin/busybox usleep 20000
	done
}

/bin/busybox mount -t ext4 "$(with_number 1)" /root
/bin/busybox mount -t ext4 "$(with_number 2)" /root/memgap
with_number 3 >/root/swap-device
/bin/busybox umount /sys
/bin/busybox mount --move /dev /root/dev
exec /bin/busybox switch_root /root /memgap/tests/vm/init.sh
