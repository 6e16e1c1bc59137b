// SPDX-License-Identifier: GPL-2.0-only
// The table of targets: sorted, filtered, moved in with the arrows.

const SORTS = {
	name: (target) => target.name.toLowerCase(),
	verdict: (target) => target.verdict ?? "",
	gap: (target) => target.point?.gap ?? -Infinity,
	alloc: (target) => target.point?.alloc ?? -Infinity,
	rss: (target) => target.point?.rss ?? -Infinity,
	cgroup: (target) => target.point?.current ?? -Infinity,
};
const HEADINGS = [
	["name", "Target", "ascending"], ["verdict", "Verdict", "ascending"], ["gap", "Gap", "descending"], ["share", "Alloc, gap"],
	["alloc", "Alloc", "descending"], ["rss", "RSS", "descending"], ["cgroup", "Cgroup", "descending"],
];
const NUMBERS = new Set(["gap", "alloc", "rss", "cgroup"]);

const classOfColumn = (key) => `column-${key}${NUMBERS.has(key) ? " number" : ""}`;

function makeRow(id) {
	const cells = Object.fromEntries(HEADINGS.map(([key]) => [key, element("td", { class: classOfColumn(key), role: "gridcell" })]));
	const name = element("div", { class: "name" }), where = element("div", { class: "where" }), verdict = element("span");
	const alloc = element("span", { class: "share-alloc" }), gap = element("span", { class: "share-gap" });
	const rest = element("span", { class: "share-rest" }), share = element("div", { class: "share", role: "img" }, alloc, gap, rest);
	cells.name.append(name, where);
	cells.verdict.append(verdict);
	cells.share.append(share);
	const row = element("tr", { role: "row", tabindex: "-1", "data-id": id, "aria-selected": "false" }, ...Object.values(cells));
	return { row, cells, name, where, verdict, share, alloc, gap, rest };
}

// Widths in percent of the largest target: what is allocated and resident, the gap, and what is neither (files, shared memory).
function sharesOf(point, largest) {
	const rss = point?.rss ?? 0, known = point && point.alloc !== null && point.gap !== null;
	const alloc = known ? Math.min(point.alloc, rss) : 0;
	const gap = known ? Math.max(0, Math.min(point.gap, rss - alloc)) : 0;
	const scale = (bytes) => (largest ? (100 * bytes) / largest : 0);
	return [alloc, gap, rss - alloc - gap].map(scale);
}

function fillShare(made, target, largest) {
	const widths = sharesOf(target.point, largest);
	[made.alloc, made.gap, made.rest].forEach((part, i) => { part.style.width = `${widths[i].toFixed(2)}%`; });
	const point = target.point;
	const text = point ? `alloc ${formatBytes(point.alloc)}, gap ${formatBytes(point.gap)}, rss ${formatBytes(point.rss)}` : "no figures";
	if (made.share.getAttribute("aria-label") !== text) {
		made.share.setAttribute("aria-label", text);
		made.share.title = text;
	}
}

function fillRow(made, target, largest) {
	const point = target.point;
	setText(made.name, target.name);
	made.name.title = target.name;
	setText(made.where, target.gone ? `gone since ${formatClock(target.last)}  ${target.where}` : target.where);
	made.where.title = target.where;
	showVerdict(made.verdict, target);
	setText(made.cells.gap, formatBytes(point?.gap));
	setText(made.cells.alloc, formatBytes(point?.alloc));
	setText(made.cells.rss, formatBytes(point?.rss));
	const limit = point?.limit ?? null;
	setText(made.cells.cgroup, `${formatBytes(point?.current)}${limit === null ? "" : ` of ${formatBytes(limit)}`}`);
	fillShare(made, target, largest);
	made.row.classList.toggle("gone", target.gone);
}

function compareBy(key, direction) {
	const value = SORTS[key], sign = direction === "ascending" ? 1 : -1;
	return (a, b) => {
		if (a.gone !== b.gone)
			return a.gone ? 1 : -1;
		const x = value(a), y = value(b);
		return x < y ? -sign : x > y ? sign : a.id - b.id;
	};
}

function matches(target, wanted) {
	const text = `${target.name} ${target.where} ${target.target.cgroup ?? ""} ${target.gone ? "gone" : target.verdict ?? ""}`.toLowerCase();
	return wanted.every((word) => text.includes(word));
}

// opened(id): by a click or Enter.
function makeList(opened) {
	const body = byId("rows"), filter = byId("filter"), rows = new Map();
	let sort = { key: "gap", direction: "descending" }, model = null, current = null, selected = null;

	function makeHeadings() {
		for (const [key, text, direction] of HEADINGS) {
			const cell = element("th", { class: classOfColumn(key), role: "columnheader", scope: "col" });
			if (!direction) {
				cell.textContent = text;
			} else {
				const button = element("button", { type: "button", text });
				button.addEventListener("click", () => sortBy(key, direction));
				cell.append(button);
			}
			cell.dataset.key = key;
			byId("columns").append(cell);
		}
	}

	function sortBy(key, first) {
		const other = sort.direction === "ascending" ? "descending" : "ascending";
		sort = { key, direction: sort.key === key ? other : first };
		show(model);
	}

	function showSort() {
		for (const cell of byId("columns").children)
			if (cell.dataset.key === sort.key)
				cell.setAttribute("aria-sort", sort.direction);
			else
				cell.removeAttribute("aria-sort");
	}

	// The order changes now and then; a row that is moved would lose the focus.
	function place(targets) {
		const focused = body.contains(document.activeElement) ? document.activeElement : null;
		let next = body.firstChild;
		for (const target of targets) {
			const { row } = rows.get(target.id);
			if (row === next)
				next = next.nextSibling;
			else
				body.insertBefore(row, next);
		}
		while (next) {
			const over = next;
			next = next.nextSibling;
			over.remove();
		}
		if (focused && focused !== document.activeElement && body.contains(focused))
			focused.focus({ preventScroll: true });
	}

	function forget(known) {
		for (const id of rows.keys())
			if (!known.has(id))
				rows.delete(id);
	}

	function showEmpty(all, n) {
		setHidden(byId("empty"), n > 0);
		setText(byId("empty"), all ? "No target has this in its name, container, cgroup or verdict." : "No target has been seen yet.");
	}

	function show(model_) {
		model = model_;
		const wanted = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
		const all = [...model.targets.values()];
		const targets = all.filter((target) => matches(target, wanted)).sort(compareBy(sort.key, sort.direction));
		const largest = Math.max(0, ...targets.map((target) => target.point?.rss ?? 0));
		forget(model.targets);
		for (const target of targets) {
			if (!rows.has(target.id))
				rows.set(target.id, makeRow(target.id));
			fillRow(rows.get(target.id), target, largest);
		}
		place(targets);
		showSort();
		showEmpty(all.length, targets.length);
		enter(current);
	}

	// One row can be reached with Tab: the one that the arrows were at.
	function enter(id) {
		const row = rows.get(id)?.row, one = row?.isConnected ? row : body.firstElementChild;
		for (const other of body.querySelectorAll('[tabindex="0"]'))
			if (other !== one)
				other.tabIndex = -1;
		if (one)
			one.tabIndex = 0;
	}

	function focusRow(row) {
		if (!row)
			return;
		current = Number(row.dataset.id);
		enter(current);
		row.focus();
		row.scrollIntoView({ block: "nearest" });
	}

	function move(key) {
		const row = document.activeElement.closest("#rows tr") ?? body.querySelector('[tabindex="0"]');
		const all = body.children, at = [...all].indexOf(row), inside = body.contains(document.activeElement);
		const to = { ArrowDown: inside ? at + 1 : at, ArrowUp: inside ? at - 1 : at, Home: 0, End: all.length - 1, PageDown: at + 10, PageUp: at - 10 }[key];
		focusRow(all[Math.max(0, Math.min(all.length - 1, to))]);
	}

	body.addEventListener("click", (event) => {
		const row = event.target.closest("tr");
		if (row)
			opened(Number(row.dataset.id));
	});
	body.addEventListener("keydown", (event) => {
		if (event.key === "Enter" || event.key === " ") {
			event.preventDefault();
			opened(Number(event.target.closest("tr").dataset.id));
		}
	});
	filter.addEventListener("input", () => show(model));
	makeHeadings();

	return {
		show,
		move,
		select(id) {
			for (const row of [rows.get(selected)?.row, rows.get(id)?.row])
				row?.setAttribute("aria-selected", String(Number(row.dataset.id) === id));
			selected = id;
		},
		focus: (id) => focusRow(rows.get(id)?.row ?? body.firstElementChild),
	};
}
