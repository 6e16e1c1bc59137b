// SPDX-License-Identifier: GPL-2.0-only
// Elements. Text from outside is only ever a text node: a process may call itself "<img src=x onerror=…>".

const byId = (id) => document.getElementById(id);

function element(tag, { text, ...attributes } = {}, ...children) {
	const made = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes))
		made.setAttribute(name, value);
	if (text !== undefined)
		made.textContent = text;
	made.append(...children);
	return made;
}

// A page that is looked at for days changes what has changed alone: selections and scroll positions stay.
function setText(node, text) {
	if (node.textContent !== text)
		node.textContent = text;
}

function setHidden(node, hidden) {
	if (node.hidden !== hidden)
		node.hidden = hidden;
}

function setClass(node, name) {
	if (node.className !== name)
		node.className = name;
}

const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

const VERDICTS = new Set(["in-use", "growing", "retained", "pinned", "cache", "other-anon", "untouched", "unknown"]);

// The class is one of ours whatever the word is.
function showVerdict(node, target) {
	const word = target.gone ? "gone" : target.verdict ?? "-";
	setText(node, word);
	setClass(node, `verdict ${target.gone ? "gone" : VERDICTS.has(word) ? word : "unknown"}`);
}
