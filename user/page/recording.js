// SPDX-License-Identifier: GPL-2.0-only
// The other source: what user/output/report.c has put into the page, in the form of the API's answers.

function embeddedRecording() {
	const text = document.getElementById("recording").textContent.trim();
	return text ? JSON.parse(text) : null;
}

function noticeOfRecording(recording) {
	const notes = [];
	if (recording.cut)
		notes.push("The recording ends amidst: what came after is missing.");
	if (recording.lost_lines)
		notes.push(`${plural(recording.lost_lines, "line")} of it ${recording.lost_lines === 1 ? "was" : "were"} lost.`);
	if (recording.bad_lines)
		notes.push(`${plural(recording.bad_lines, "line")} of it ${recording.bad_lines === 1 ? "was" : "were"} not JSON.`);
	if (recording.samples_left_out)
		notes.push(`There was no room for further targets: ${plural(recording.samples_left_out, "sample")} of such ${recording.samples_left_out === 1 ? "is" : "are"} missing.`);
	const most = Math.max(1, ...recording.series.map((columns) => columns.every));
	if (most > 1)
		notes.push(`It is long: a point stands for up to ${formatNumber(most)} samples, and is the one of them with the most rss.`);
	if (recording.trims_left_out)
		notes.push(`There was no room for ${plural(recording.trims_left_out, "trim")}.`);
	return notes.join(" ");
}

function recordedSource(recording, changed) {
	const model = newModel("recording");
	const series = new Map(recording.series.map((columns) => [columns.id, columns]));
	const points = new Map();

	return {
		model,
		start() {
			recording.targets.forEach((target) => noteTarget(model, target));
			noteTrims(model, recording.trims);
			model.notice = noticeOfRecording(recording);
			model.summary = recording;
			changed();
		},
		async watch() {},
		points(id) {
			if (!points.has(id) && series.has(id))
				points.set(id, pointsOfColumns(series.get(id)));
			return points.get(id) ?? [];
		},
	};
}
