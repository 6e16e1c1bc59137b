// SPDX-License-Identifier: GPL-2.0-only
// What there is to be shown, and where it comes from. A model is plain data:
//   targets  Map of id to { id, gone, first, last, name, where, target, verdict, point, snapshot }; point as in COLUMNS
//   trims    as /api/v1/trims has them, by number
//   state    "loading", "live", "lost", "recording"
// A source fills it and calls changed() after each change.

const COLUMNS = ["time_ms", "alloc", "rss", "current", "limit", "gap"];
const RETRY_MS = 2000;
// Twelve hours at a second: what is older than that leaves a page that is open for days.
const POINTS_KEPT = 43200;
const TRIMS_KEPT = 5000;

function newModel(state) {
	return { targets: new Map(), trims: [], state, since: null, notice: "", summary: null };
}

function pointOfSnapshot(snapshot) {
	return {
		time_ms: Date.parse(snapshot.time), alloc: snapshot.allocator.alloc, rss: snapshot.kernel.rss,
		current: snapshot.kernel.cgroup.current, limit: snapshot.kernel.cgroup.limit, gap: snapshot.gap.bytes,
	};
}

const pointOfList = (list) => Object.fromEntries(COLUMNS.map((name, i) => [name, list[i]]));

function pointsOfColumns(columns) {
	return columns.time_ms.map((_, i) => pointOfList(COLUMNS.map((name) => columns[name][i])));
}

// A target as /api/v1/targets and a recording have it. What is gone keeps what was seen of it last.
function noteTarget(model, given) {
	const known = model.targets.get(given.id) ?? { point: null, snapshot: null, verdict: null };
	const snapshot = given.snapshot ?? known.snapshot;
	model.targets.set(given.id, {
		...known, ...nameTarget(given.target), id: given.id, gone: given.gone, target: given.target, snapshot,
		first: Date.parse(given.first), last: Date.parse(given.last),
		point: given.snapshot ? pointOfSnapshot(given.snapshot) : known.point,
		verdict: given.snapshot ? given.snapshot.gap.verdict : known.verdict,
	});
}

// false: there were some between those known and these.
function noteTrims(model, trims) {
	const last = model.trims.at(-1)?.number ?? 0;
	const whole = !trims.length || trims[0].number <= last + 1;
	for (const trim of trims) {
		const at = model.trims.findLastIndex((known) => known.number <= trim.number);
		if (at >= 0 && model.trims[at].number === trim.number)
			model.trims[at] = trim;
		else
			model.trims.splice(at + 1, 0, trim);
	}
	model.trims.splice(0, Math.max(0, model.trims.length - TRIMS_KEPT));
	return whole;
}

async function fetchJson(path) {
	const response = await fetch(`api/v1/${path}`, { cache: "no-store" });
	if (!response.ok)
		throw new Error(`${path}: ${response.status} ${(await response.text()).trim()}`);
	return response.json();
}

function liveSource(changed) {
	const model = newModel("loading");
	const series = new Map(); // of targets that have been opened: id to { points, whole }
	let events = null, watched = null, asking = false, retry = 0;

	async function loadTargets() {
		const answer = await fetchJson("targets");
		const listed = new Set(answer.targets.map((target) => target.id));
		answer.targets.forEach((target) => noteTarget(model, target));
		for (const id of model.targets.keys())
			if (!listed.has(id))
				model.targets.delete(id);
		model.summary = answer;
		await Promise.all([...model.targets.values()].filter((target) => target.gone && !target.point).map(loadLastPoint));
	}

	// Of what was gone before the page came there is no snapshot.
	async function loadLastPoint(target) {
		const columns = await fetchJson(`series?id=${target.id}&from=${target.last - 1000}&points=1`).catch(() => null);
		if (columns?.time_ms.length)
			target.point = pointsOfColumns(columns).at(-1);
	}

	async function loadTrims(after) {
		for (let more = true; more;) {
			const answer = await fetchJson(`trims?after=${after}`);
			noteTrims(model, answer.trims);
			after = answer.trims.at(-1)?.number ?? after;
			more = answer.more;
		}
	}

	function notePoint(id, point) {
		const kept = series.get(id);
		if (!kept || (kept.points.length && kept.points.at(-1).time_ms >= point.time_ms))
			return;
		kept.points.push(point);
		if (kept.points.length > POINTS_KEPT)
			kept.points.splice(0, kept.points.length - POINTS_KEPT);
	}

	// false: a target has come or gone.
	function notePresent(present) {
		let same = true;
		for (const { id, verdict, point } of present) {
			const target = model.targets.get(id);
			same = same && target !== undefined && !target.gone;
			if (!target)
				continue;
			Object.assign(target, { verdict, point: pointOfList(point), last: point[0] });
			notePoint(id, target.point);
		}
		return same && present.length === [...model.targets.values()].filter((target) => !target.gone).length;
	}

	async function loadSnapshot(id) {
		if (asking)
			return;
		asking = true;
		try {
			const answer = await fetchJson(`targets?id=${id}`);
			noteTarget(model, answer.targets[0]);
			model.summary = { ...model.summary, reclaimed: answer.reclaimed, trims: answer.trims };
		} finally {
			asking = false;
		}
	}

	async function interval(event) {
		const told = JSON.parse(event.data);
		const before = model.trims.at(-1)?.number ?? 0;
		const whole = noteTrims(model, told.trims);
		if (!notePresent(told.targets) || (told.last_trim > before && watched === null))
			await loadTargets();
		if (!whole)
			await loadTrims(before);
		if (watched !== null && model.targets.get(watched)?.gone === false)
			await loadSnapshot(watched);
		model.state = "live";
		changed();
	}

	function lost() {
		if (model.state !== "lost")
			model.since = Date.now();
		model.state = "lost";
		changed();
		// an EventSource tries again by itself, unless the answer was not what it should be
		if (!retry && (!events || events.readyState === EventSource.CLOSED))
			retry = setTimeout(() => { retry = 0; connect(); }, RETRY_MS);
	}

	async function connect() {
		events?.close();
		events = null;
		try {
			await Promise.all([loadTargets(), loadTrims(0)]);
		} catch {
			return lost();
		}
		model.state = "live";
		changed();
		events = new EventSource("api/v1/events");
		events.addEventListener("interval", (event) => interval(event).catch(lost));
		events.addEventListener("error", lost);
		events.addEventListener("open", () => { if (model.state === "lost") reconnected(); });
	}

	// memgap may be another one than before, with other numbers: nothing that was known holds.
	async function reconnected() {
		const open = watched;
		model.targets.clear();
		model.trims.length = 0;
		series.clear();
		try {
			await Promise.all([loadTargets(), loadTrims(0), open === null ? null : loadSeries(open).catch(() => null)]);
			model.state = "live";
		} catch {
			return lost();
		}
		changed();
	}

	async function loadSeries(id) {
		const points = pointsOfColumns(await fetchJson(`series?id=${id}&points=3600`));
		series.set(id, { points });
	}

	return {
		model,
		start: connect,
		// The target whose snapshot is wanted at each interval; null: none.
		async watch(id) {
			watched = id;
			series.clear();
			if (id !== null)
				await loadSeries(id);
		},
		points: (id) => series.get(id)?.points ?? [],
	};
}
