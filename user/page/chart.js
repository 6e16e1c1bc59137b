// SPDX-License-Identifier: GPL-2.0-only
// The two views of one target over time: four lines, the gap as the area between what is allocated and what is resident, trims as marks.

const LINES = ["alloc", "rss", "current", "limit"];
const LABELS = { alloc: "alloc", rss: "rss", current: "cgroup", limit: "limit", gap: "gap" };
const DASHES = { alloc: null, rss: null, current: [7, 4], limit: [2, 4] };
// A mark says its number where its neighbours leave room, in pixels.
const MARK_ROOM = 12;
// A line so far above the two views would press them flat.
const FAR = 4;

// It measures text in an element with a style attribute, which the page's policy forbids; the legend here is another one.
Dygraph.PLUGINS = Dygraph.PLUGINS.filter((plugin) => plugin !== Dygraph.Plugins.Legend);

// Runs of neighbours whose gaps have the same sign; each ends with the first of the next, so that they meet.
function runsOf(points) {
	const runs = [];
	let run = null;
	for (const point of points) {
		if (point.alloc === null || point.gap === null) {
			run = null;
			continue;
		}
		const owed = point.gap < 0;
		if (run)
			run.points.push(point);
		if (!run || run.owed !== owed)
			runs.push(run = { owed, points: [point] });
	}
	return runs;
}

// As high as the gap: rss has files in it, too, of which no allocator knows.
function fillRun(canvas, graph, run) {
	canvas.beginPath();
	for (const point of run.points)
		canvas.lineTo(graph.toDomXCoord(point.time_ms), graph.toDomYCoord(point.alloc + point.gap));
	for (let i = run.points.length - 1; i >= 0; i--)
		canvas.lineTo(graph.toDomXCoord(run.points[i].time_ms), graph.toDomYCoord(run.points[i].alloc));
	canvas.closePath();
	canvas.fill();
}

function drawMark(canvas, area, x, colour) {
	canvas.strokeStyle = canvas.fillStyle = colour;
	canvas.lineWidth = 1.5;
	canvas.setLineDash([4, 3]);
	canvas.beginPath();
	canvas.moveTo(x, area.y + 8);
	canvas.lineTo(x, area.y + area.h);
	canvas.stroke();
	canvas.setLineDash([]);
	canvas.beginPath();
	canvas.moveTo(x - 5, area.y);
	canvas.lineTo(x + 5, area.y);
	canvas.lineTo(x, area.y + 9);
	canvas.fill();
}

// The last one may be written to the left of its mark.
function labelMark(canvas, area, trim, x, before, after) {
	const text = trim.reclaimed === null ? trim.outcome : `${formatBytes(trim.reclaimed)} back`;
	const room = canvas.measureText(text).width + MARK_ROOM;
	if (x + room < after)
		canvas.fillText(text, x + 8, area.y + 10);
	else if (after === area.x + area.w && x - room > before)
		canvas.fillText(text, x + 4 - room, area.y + 10);
}

// trims: by their times.
function drawMarks(canvas, area, graph, trims) {
	const colour = colourOf("trim"), right = area.x + area.w;
	const marks = trims.map((trim) => ({ trim, x: graph.toDomXCoord(trim.time_ms) })).filter(({ x }) => x >= area.x && x <= right);
	canvas.font = "11.5px system-ui, sans-serif";
	marks.forEach(({ trim, x }, i) => {
		drawMark(canvas, area, x, colour);
		// a label to the right of the mark before may reach up to here
		labelMark(canvas, area, trim, x, i ? (marks[i - 1].x + x) / 2 : area.x, marks[i + 1]?.x ?? right);
	});
}

function rangeOfValues(points, shown) {
	let low = 0, high = 0;
	for (const point of points)
		for (const line of LINES)
			if (shown[line] && point[line] !== null)
				high = Math.max(high, point[line]);
	return [low, high ? high * 1.12 : 1 << 20];
}

const highest = (points, line) => points.reduce((high, point) => Math.max(high, point[line] ?? 0), 0);

// The lines of the cgroup that are near enough to be in the picture from the start: a process may be a small part of its cgroup.
function nearLines(points) {
	const views = Math.max(highest(points, "alloc"), highest(points, "rss"));
	const current = highest(points, "current"), limit = highest(points, "limit");
	const near = { current: current <= views * FAR };
	return { ...near, limit: limit > 0 && limit <= FAR * (near.current ? Math.max(views, current) : views) };
}

// moved(row): the crosshair is at points[row], or -1; zoomed(): a part was chosen with the mouse.
function makeChart(node, moved, zoomed) {
	let graph = null, points = [], trims = [], frame = null;
	const shown = { alloc: true, rss: true, current: true, limit: true, gap: true };

	function visible() {
		const [from, to] = frame;
		return points.filter((point, i) => (points[i + 1] ?? point).time_ms >= from && (points[i - 1] ?? point).time_ms <= to);
	}

	function underlay(canvas, area, drawn) {
		canvas.save();
		canvas.beginPath();
		canvas.rect(area.x, area.y, area.w, area.h);
		canvas.clip();
		if (shown.gap) {
			const colours = { true: colourOf("owed-area"), false: colourOf("gap-area") };
			for (const run of runsOf(visible())) {
				canvas.fillStyle = colours[run.owed];
				fillRun(canvas, drawn, run);
			}
		}
		drawMarks(canvas, area, drawn, trims);
		canvas.restore();
	}

	function options() {
		return {
			file: points.map((point) => [new Date(point.time_ms), ...LINES.map((line) => point[line])]),
			dateWindow: frame,
			valueRange: rangeOfValues(visible(), shown),
			visibility: LINES.map((line) => shown[line]),
			colors: LINES.map(colourOf),
			gridLineColor: colourOf("grid"),
			axisLineColor: colourOf("line"),
		};
	}

	function create() {
		const { file, ...rest } = options();
		graph = new Dygraph(node, file, {
			...rest,
			labels: ["time", ...LINES],
			series: Object.fromEntries(LINES.map((line) => [line, { strokePattern: DASHES[line], strokeWidth: line === "rss" ? 2 : 1.7 }])),
			legend: "never",
			labelsKMG2: true,
			axes: {
				y: { axisLabelFormatter: formatBytes, axisLabelWidth: 62, pixelsPerLabel: 42 },
				x: { axisLabelFormatter: (date, granularity) => labelOfTime(date, granularity), axisLabelWidth: 76, pixelsPerLabel: 92 },
			},
			highlightCircleSize: 3.5,
			rightGap: 8,
			animatedZooms: false,
			underlayCallback: underlay,
			highlightCallback: (event, x, at, row) => moved(row),
			unhighlightCallback: () => moved(-1),
			zoomCallback: (from, to) => { frame = [from, to]; graph.updateOptions({ valueRange: rangeOfValues(visible(), shown) }); zoomed(); },
		});
	}

	function labelOfTime(date) {
		const [from, to] = frame;
		if (to - from >= 120e3)
			return formatClock(date).slice(0, 5);
		const part = (date.getTime() % 1000) / 1000;
		return formatClock(date) + (part ? String(part).slice(1) : "");
	}

	return {
		shown,
		points: () => points,
		// frame_: [from, to] in ms.
		draw(points_, trims_, frame_) {
			[points, trims, frame] = [points_, trims_, frame_];
			if (!graph)
				create();
			else
				graph.updateOptions(options());
		},
		redraw() {
			graph?.updateOptions(options());
		},
		resize() {
			graph?.resize();
		},
		// In pixels from the left, and the height of what is drawn.
		place(row) {
			const area = graph.getArea();
			return { x: graph.toDomXCoord(points[row].time_ms), y: area.y, height: area.h };
		},
		select: (row) => graph?.setSelection(row),
		frame: () => frame,
		clear() {
			graph?.destroy();
			graph = null;
		},
	};
}
