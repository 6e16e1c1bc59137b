// SPDX-License-Identifier: GPL-2.0-only
// One target: its chart, the sentence for its verdict, its figures, its trims.

const MINUTE_MS = 60e3;
const RANGES = [["10 min", 10 * MINUTE_MS], ["1 h", 60 * MINUTE_MS], ["all", Infinity]];
const KEYS = ["alloc", "rss", "gap", "current", "limit"];

function overheadOf(snapshot) {
	return formatPercent(snapshot.allocator.overhead_percent, 2);
}

// [what it is called, its text, what it means]
function figuresOf(snapshot) {
	const { allocator, kernel, gap, target } = snapshot;
	const go = allocator.num_gc === null ? [] : [["num gc", formatNumber(allocator.num_gc), "garbage collections of Go's runtime"]];
	return [
		["alloc", `${allocator.alloc_error ? "~" : ""}${formatBytes(allocator.alloc)}`, "bytes in blocks handed out and not yet freed"],
		["total alloc", formatBytes(allocator.total_alloc), "bytes handed out in all since watching began"],
		["sys", formatBytes(allocator.sys), "private writable address space, resident or not"],
		["rss", formatBytes(kernel.rss), "resident memory"],
		["pss", formatBytes(kernel.pss), "resident memory, its share of what it shares"],
		["gap", `${formatBytes(gap.bytes)}${gap.percent === null ? "" : ` (${formatPercent(gap.percent)})`}`, "resident and swapped anonymous memory less alloc"],
		["trimmable", formatBytes(gap.trimmable), "free in the allocator in whole pages: what a trim would give back"],
		["pinned", formatBytes(gap.pinned), "free in the allocator on pages that live blocks share"],
		["cgroup", formatBytes(kernel.cgroup.current), "what the memory cgroup is charged"],
		["cgroup limit", formatBytes(kernel.cgroup.limit), "of the memory cgroup"],
		["swap", formatBytes(kernel.swap), "swapped out"],
		["source", allocator.name ? `${allocator.source}, ${allocator.name}` : allocator.source, "where the allocator's view comes from"],
		["overhead", overheadOf(snapshot), "of a core, that the probes cost"],
		["missed", formatNumber(allocator.missed), "events known to be lost"],
		["processes", formatNumber(target.processes), "that the figures are the sum of"],
		["trims", formatNumber(snapshot.trim.count), "that memgap triggered"],
		...go,
	];
}

function showFigures(node, snapshot) {
	const figures = snapshot ? figuresOf(snapshot) : [];
	if (node.children.length !== figures.length)
		node.replaceChildren(...figures.map(([name, , title]) =>
			element("div", { title, "data-figure": name }, element("dt", { text: name }), element("dd"))));
	figures.forEach(([, text], i) => setText(node.children[i].lastChild, text));
}

const TRIM_HEADINGS = ["Time", "Target", "Action", "Predicted", "Reclaimed", "Off", "Back since", "Took", "Outcome"];

function cellsOfTrim(trim) {
	return [
		formatMoment(trim.time_ms), nameTarget(trim.target).name, trim.action, formatBytes(trim.predicted), formatBytes(trim.reclaimed),
		formatPercent(trim.prediction_error_percent, 1), formatBytes(trim.regrown),
		trim.took_ms === null ? "-" : `${formatNumber(trim.took_ms, trim.took_ms < 10 ? 1 : 0)} ms`,
		trim.why ? `${trim.outcome}: ${trim.why}` : trim.outcome,
	];
}

// Of one target without its name. The newest first. Made anew only when there is another one or one has changed.
function showTrims(node, trims, named, none) {
	const headings = TRIM_HEADINGS.map((text, i) => ({ text, i })).filter(({ text }) => named || text !== "Target");
	const state = JSON.stringify([named, trims.map((trim) => [trim.number, trim.regrown])]);
	if (node.dataset.state === state)
		return;
	node.dataset.state = state;
	setClass(node, "trims");
	if (!trims.length)
		return node.replaceChildren(element("p", { class: "muted", text: none }));
	const classOf = (i) => (i >= 3 && i <= 7 ? "number" : "");
	const head = element("tr", {}, ...headings.map(({ text, i }) => element("th", { text, scope: "col", class: classOf(i) })));
	const rows = trims.toReversed().map((trim) => {
		const cells = cellsOfTrim(trim);
		return element("tr", { "data-trim": trim.number }, ...headings.map(({ text, i }) =>
			element("td", { text: cells[i], class: classOf(i), "data-label": text })));
	});
	node.replaceChildren(element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
}

function describeTrim(trim) {
	const back = trim.reclaimed === null ? trim.outcome : `${formatBytes(trim.reclaimed)} back`;
	return `Trim at ${formatClock(trim.time_ms)} (${trim.action}): ${trim.predicted === null ? "nothing" : formatBytes(trim.predicted)} predicted, ${back}`;
}

// closed(): by the button.
function makeDetail(source, firstRange, closed) {
	let id = null, range = firstRange, row = -1, trims = [], keys = {};
	const frame = byId("chart-frame"), crosshair = byId("crosshair");
	const chart = makeChart(byId("chart"), moved, () => setRange(null, false));

	function frameOfTime(points) {
		const last = points.at(-1).time_ms, first = points[0].time_ms;
		const from = Math.max(first, last - range);
		return from < last ? [from, last] : [last - 1000, last + 1000];
	}

	function setRange(value, redraw = true) {
		range = value;
		for (const button of byId("ranges").children)
			button.setAttribute("aria-pressed", String(Number(button.dataset.range) === range));
		if (redraw)
			show();
	}

	function moved(to) {
		row = to;
		showMoment();
	}

	// What is under the crosshair; else the newest.
	function showMoment() {
		const points = chart.points(), point = points[row] ?? points.at(-1);
		for (const key of KEYS)
			setText(keys[key].value, formatBytes(point?.[key]));
		setText(byId("moment"), point ? (row < 0 ? `latest, ${formatMoment(point.time_ms)}` : formatMoment(point.time_ms)) : "");
		setHidden(crosshair, row < 0 || !points[row]);
		setText(byId("readout"), point && row >= 0 ? textOfTrims(points) : "");
		if (row < 0 || !points[row])
			return;
		const place = chart.place(row);
		Object.assign(crosshair.style, { left: `${place.x}px`, top: `${place.y}px`, height: `${place.height}px` });
	}

	// Those nearer to this point than to its neighbours, or a few pixels away.
	function textOfTrims(points) {
		const [from, to] = chart.frame(), at = points[row].time_ms, near = (to - from) / 100;
		return trims.filter((trim) => Math.abs(trim.time_ms - at) <= near).map(describeTrim).join("; ");
	}

	function showHead(target) {
		setText(byId("detail-title"), target.name);
		setText(byId("detail-where"), [target.where, target.gone ? `gone since ${formatMoment(target.last)}` : ""].filter(Boolean).join("  "));
		const [word, why] = byId("detail-verdict").children;
		showVerdict(word, target);
		setText(why, `${target.gone && target.verdict ? `${target.verdict} when it was seen last: ` : ""}${target.snapshot?.gap.why ?? ""}`);
	}

	function showChart() {
		const points = source.points(id);
		setHidden(byId("no-chart"), points.length > 0);
		setText(byId("no-chart"), source.model.state === "loading" ? "" : "There are no figures over time of this target.");
		if (points.length)
			chart.draw(points, trims, range === null ? chart.frame() : frameOfTime(points));
		if (row >= points.length)
			row = -1;
		showMoment();
	}

	function show() {
		const target = source.model.targets.get(id);
		if (!target)
			return false;
		trims = source.model.trims.filter((trim) => trim.id === id).sort((a, b) => a.time_ms - b.time_ms);
		showHead(target);
		showChart();
		showFigures(byId("figures"), target.snapshot);
		showTrims(byId("detail-trims"), trims, false, "None so far.");
		return true;
	}

	function setShown(key, shown) {
		chart.shown[key] = shown;
		keys[key].button.setAttribute("aria-pressed", String(shown));
	}

	function toggle(key) {
		setShown(key, !chart.shown[key]);
		chart.redraw();
	}

	function makeLegend() {
		for (const key of KEYS) {
			const value = element("b"), button = element("button", { type: "button", "aria-pressed": "true", "data-line": key },
				element("span", { class: `key key-${key}`, "aria-hidden": "true" }), LABELS[key], value);
			button.addEventListener("click", () => toggle(key));
			keys[key] = { value, button };
			byId("legend").append(button);
		}
		for (const [text, value] of RANGES) {
			const button = element("button", { type: "button", text, "data-range": value, "aria-pressed": String(value === range) });
			button.addEventListener("click", () => setRange(value));
			byId("ranges").append(button);
		}
		byId("detail-verdict").append(element("span"), element("span"));
	}

	function step(event) {
		const points = chart.points(), by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 }[event.key];
		if (!by || !points.length)
			return;
		event.preventDefault();
		event.stopPropagation();
		row = Math.max(0, Math.min(points.length - 1, (row < 0 ? points.length - 1 : row) + by));
		chart.select(row);
		showMoment();
	}

	makeLegend();
	frame.addEventListener("keydown", step);
	frame.addEventListener("blur", () => moved(-1));
	byId("close").addEventListener("click", closed);

	return {
		show,
		async open(id_) {
			id = id_;
			row = -1;
			chart.clear();
			if (range === null)
				setRange(firstRange, false);
			await source.watch(id).catch(() => null);
			if (id !== id_)
				return;
			Object.entries(nearLines(source.points(id))).forEach(([key, near]) => setShown(key, near));
			show();
		},
		close() {
			id = null;
			chart.clear();
			source.watch(null);
		},
		redraw: () => chart.redraw(),
	};
}
