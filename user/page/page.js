// SPDX-License-Identifier: GPL-2.0-only
// Ties the parts together: which target is open is in the address, so that it can be sent to somebody, and "back" closes it.

const HOUR_MS = 60 * MINUTE_MS;
const TRIMS_SHOWN = 200; // of all targets, in the live page

function statusOf(model, recording) {
	if (recording)
		return recording.file ? `recording ${recording.file}` : "recording";
	if (model.state === "lost")
		return `connection lost at ${formatClock(model.since)}, trying again`;
	return model.state;
}

function summaryOf(model) {
	const all = [...model.targets.values()], gone = all.filter((target) => target.gone).length;
	const reclaimed = model.trims.reduce((sum, trim) => sum + (trim.outcome === "trimmed" ? trim.reclaimed ?? 0 : 0), 0);
	return [
		plural(all.length - gone, "target"), gone ? `${formatNumber(gone)} gone` : "",
		`${plural(model.trims.length, "trim")}${reclaimed ? `, ${formatBytes(reclaimed)} back` : ""}`,
	].filter(Boolean).join(" · ");
}

function spanOf(model) {
	const all = [...model.targets.values()];
	if (!all.length)
		return "";
	return ` · ${formatMoment(Math.min(...all.map((target) => target.first)))} to ${formatMoment(Math.max(...all.map((target) => target.last)))}`;
}

function noticeOf(model) {
	const without = model.summary?.without_series;
	return model.notice || (without ? `${plural(without, "target")} came when there was no room for figures over time.` : "");
}

function main() {
	const recording = embeddedRecording();
	const source = recording ? recordedSource(recording, changed) : liveSource(changed);
	const model = source.model;
	const list = makeList((id) => { location.hash = `target-${id}`; });
	const detail = makeDetail(source, recording ? Infinity : HOUR_MS, close);
	let open = null, drawn = false;

	function showHeader() {
		setText(byId("status"), statusOf(model, recording));
		setClass(byId("status"), model.state);
		setText(byId("summary"), summaryOf(model) + (recording ? spanOf(model) : ""));
		setText(byId("notice"), noticeOf(model));
		setHidden(byId("notice"), !byId("notice").textContent);
	}

	function changed() {
		// what nobody sees is not drawn
		if (document.hidden && drawn)
			return;
		for (const trim of model.trims)
			trim.time_ms ??= Date.parse(trim.time);
		showHeader();
		list.show(model);
		showTrims(byId("trims"), recording ? model.trims : model.trims.slice(-TRIMS_SHOWN), true, "memgap has trimmed nothing so far.");
		if (!drawn)
			follow().then(noteDrawn);
		else if (open !== null && !detail.show())
			close();
	}

	// For whoever measures how long that takes: performance.getEntriesByName("drawn").
	function noteDrawn() {
		requestAnimationFrame(() => requestAnimationFrame(() => performance.mark("drawn")));
	}

	function close() {
		if (location.hash)
			location.hash = "";
	}

	// Shows what the address says.
	async function follow() {
		const wanted = /^#target-(\d+)$/.exec(location.hash)?.[1] ?? null, id = wanted === null ? null : Number(wanted);
		const before = open;
		drawn = true;
		open = id !== null && model.targets.has(id) ? id : null;
		document.querySelector("main").classList.toggle("open", open !== null);
		setHidden(byId("detail"), open === null);
		list.select(open);
		document.title = open === null ? "memgap" : `${model.targets.get(open).name} · memgap`;
		if (open !== null) {
			await detail.open(open);
			byId("detail").focus({ preventScroll: true });
		} else if (before !== null) {
			detail.close();
			list.focus(before);
		}
	}

	function typing() {
		return document.activeElement?.tagName === "INPUT";
	}

	function pressed(event) {
		if (event.ctrlKey || event.altKey || event.metaKey)
			return;
		if (event.key === "/" && !typing()) {
			event.preventDefault();
			if (byId("list").offsetParent === null)
				close();
			byId("filter").focus();
		} else if (event.key === "Escape") {
			escape();
		} else if (["ArrowDown", "ArrowUp", "Home", "End", "PageDown", "PageUp"].includes(event.key)) {
			arrow(event);
		}
	}

	// From the filter on: first what was typed, then what is open.
	function escape() {
		const filter = byId("filter");
		if (typing() && filter.value) {
			filter.value = "";
			list.show(model);
		} else if (typing()) {
			filter.blur();
		} else {
			close();
		}
	}

	// In the list, or where nothing else has the focus that would scroll.
	function arrow(event) {
		const active = document.activeElement, vertical = event.key.startsWith("Arrow");
		const inList = active.closest("#rows") || (vertical && (active === document.body || active === byId("filter")));
		if (!inList)
			return;
		event.preventDefault();
		list.move(event.key);
	}

	document.addEventListener("keydown", pressed);
	document.addEventListener("visibilitychange", () => { if (drawn) changed(); });
	window.addEventListener("hashchange", follow);
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", detail.redraw);
	source.start();
}

main();
