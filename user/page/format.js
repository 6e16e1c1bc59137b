// SPDX-License-Identifier: GPL-2.0-only
// Numbers and times as text, as memgap itself writes them (user/base/units.c).

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

// As printf() does; Math.round() and toFixed() round a half up.
function roundHalfEven(value) {
	const floor = Math.floor(value);
	if (value - floor !== 0.5)
		return Math.round(value);
	return floor % 2 === 0 ? floor : floor + 1;
}

function formatBytes(bytes) {
	if (bytes === null || bytes === undefined)
		return "-";
	let value = bytes, unit = 0;
	while (Math.abs(value) >= 1023.5 && unit + 1 < UNITS.length) {
		value /= 1024;
		unit++;
	}
	if (unit && Math.abs(value) < 9.95 && value !== Math.trunc(value))
		return `${(roundHalfEven(value * 10) / 10).toFixed(1)} ${UNITS[unit]}`;
	return `${roundHalfEven(value)} ${UNITS[unit]}`;
}

function formatNumber(value, decimals = 0) {
	return value === null || value === undefined ? "-" : value.toLocaleString("en", { maximumFractionDigits: decimals });
}

function formatPercent(value, decimals = 0) {
	return value === null || value === undefined ? "-" : `${Number(value).toFixed(decimals)} %`;
}

const two = (number) => String(number).padStart(2, "0");

function formatClock(ms) {
	const date = new Date(ms);
	return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function formatMoment(ms) {
	const date = new Date(ms);
	return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${formatClock(ms)}`;
}

function plural(n, noun) {
	return `${formatNumber(n)} ${noun}${n === 1 ? "" : "s"}`;
}

// The digits of a container's id that its runtime's own tools show.
const shortenIds = (path) => path.replace(/[0-9a-f]{64}/g, (id) => id.slice(0, 12));

// { name, where }: what a target is called, and what tells it from others of that name.
function nameTarget(target) {
	const cgroup = shortenIds(String(target.cgroup ?? ""));
	const pod = target.pod ? `${target.namespace ? `${target.namespace}/` : ""}${target.pod}` : "";
	if (target.kind === "process")
		return { name: `${target.comm ?? ""}[${target.pid}]`, where: [target.container, pod, cgroup].filter(Boolean).join("  ") };
	if (target.container)
		return { name: target.container, where: [pod, cgroup].filter(Boolean).join("  ") };
	return { name: cgroup.slice(cgroup.lastIndexOf("/") + 1) || cgroup, where: [pod, cgroup].filter(Boolean).join("  ") };
}
