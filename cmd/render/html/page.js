"use strict";
(function () {
	const svgNamespace = "http://www.w3.org/2000/svg";

	function make(name, attributes, ...children) {
		const node = document.createElement(name);
		return fill(node, attributes, children);
	}

	function draw(name, attributes, ...children) {
		const node = document.createElementNS(svgNamespace, name);
		return fill(node, attributes, children);
	}

	function fill(node, attributes, children) {
		for (const key in attributes)
			node.setAttribute(key, attributes[key]);
		node.append(...children);
		return node;
	}

	// Units, as the program has them.
	function bytes(number) {
		const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
		let unit = 0;
		for (; number >= 1024 && unit < units.length - 1; unit++)
			number /= 1024;
		return (unit ? number.toPrecision(number >= 1000 ? 4 : 3) : String(number)) + " " + units[unit];
	}

	function count(number) {
		return number.toLocaleString("en-US");
	}

	// Tables: sorted by a click on a heading, rows chosen by a word. No frame is to lay out hundreds of rows: of a long table
	// those are in the page that can be seen, and more come where one scrolls, prints, or lets the browser search.

	const slice = 40, longTables = [];

	function valueOf(row, column) {
		const cell = row.cells[column];
		if (cell.hasAttribute("data-v"))
			return Number(cell.getAttribute("data-v"));
		return cell.textContent === "-" ? null : cell.textContent;
	}

	// One for all: localeCompare() makes one for each comparison.
	const collator = new Intl.Collator("en", { numeric: true });

	function compare(a, b) {
		if (typeof a === "number" && typeof b === "number")
			return a - b;
		return collator.compare(String(a), String(b));
	}

	// The places of values in ascending order, the same for equal ones; null for what is not known.
	function ranksOf(values) {
		const places = new Map();
		Array.from(new Set(values)).filter((value) => value !== null).sort(compare).forEach((value, place) => places.set(value, place));
		return values.map((value) => (value === null ? null : places.get(value)));
	}

	function makeRows(table, region) {
		const body = table.tBodies[0], all = Array.from(body.rows), ranks = [];
		const isLong = all.length > slice + slice / 2;
		let order = all.map((row, place) => place), chosen = order, there = all.length, texts = null, word = "";

		const isChosen = (place) => texts[place].includes(word);
		const add = function (most) {
			body.append(...chosen.slice(there, there + most).map((place) => all[place]));
			there = Math.min(there + most, chosen.length);
		};
		const show = function () {
			chosen = word ? order.filter(isChosen) : order;
			body.replaceChildren();
			there = 0;
			add(isLong ? slice : all.length);
			if (isLong)
				region.scrollTop = 0;
		};
		if (isLong) {
			table.setAttribute("aria-rowcount", all.length + 1);
			region.addEventListener("scroll", function () {
				if (there < chosen.length && region.scrollTop + 1.5 * region.clientHeight > region.scrollHeight)
					add(slice);
			}, { passive: true });
			longTables.push({ table: table, cut: show, complete: () => add(chosen.length) });
		}
		return {
			number: all.length,
			// A column's values and their order are found when it is first asked for.
			sort: function (column, isDown) {
				const rank = (ranks[column] = ranks[column] || ranksOf(all.map((row) => valueOf(row, column))));
				// What is not known stays at the end.
				const ahead = (a, b) => (rank[a] === null) - (rank[b] === null) || (isDown ? rank[b] - rank[a] : rank[a] - rank[b]);
				const places = new Map(order.map((place, i) => [place, i]));
				order = Array.from(order).sort((a, b) => ahead(a, b) || places.get(a) - places.get(b));
				show();
			},
			hasNumbers: (column) => all.some((row) => row.cells[column].hasAttribute("data-v")),
			choose: function (some) {
				texts = texts || all.map((row) => row.textContent.toLowerCase());
				word = some.toLowerCase();
				show();
				return chosen.length;
			},
		};
	}

	// Columns stay as wide as all rows together need, until the window changes.
	function shortenTables() {
		const widths = longTables.map((long) => Array.from(long.table.tHead.rows[0].cells, (heading) => heading.offsetWidth));
		const eachHeading = (act) => longTables.forEach((long, i) => Array.from(long.table.tHead.rows[0].cells).forEach(
			(heading, column) => act(heading, widths[i][column])));
		eachHeading((heading, width) => (heading.style.minWidth = width + "px"));
		longTables.forEach((long) => long.cut());
		window.addEventListener("resize", () => eachHeading((heading) => (heading.style.minWidth = "")));
		const complete = () => longTables.forEach((long) => long.complete());
		window.addEventListener("beforeprint", complete);
		document.addEventListener("keydown", function (event) {
			if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "f")
				complete();
		});
	}

	function sortTable(table, rows, column, heading) {
		const before = heading.getAttribute("aria-sort");
		const down = before ? before === "ascending" : rows.hasNumbers(column);
		for (const other of table.tHead.rows[0].cells)
			other.removeAttribute("aria-sort");
		heading.setAttribute("aria-sort", down ? "descending" : "ascending");
		for (const other of table.querySelectorAll("th button"))
			other.textContent = other.textContent.replace(/ [\u25b4\u25be]$/, "");
		heading.querySelector("button").textContent += down ? " \u25be" : " \u25b4";
		rows.sort(column, down);
	}

	function prepareSorting(table, rows) {
		Array.from(table.tHead.rows[0].cells).forEach(function (heading, column) {
			if (!heading.textContent)
				return;
			const button = make("button", { type: "button" }, heading.textContent);
			heading.replaceChildren(button);
			button.addEventListener("click", () => sortTable(table, rows, column, heading));
		});
	}

	function prepareFilter(rows, region) {
		if (rows.number < 12)
			return;
		const input = make("input", { type: "search", placeholder: "Filter" });
		const shown = make("span", { class: "note", "aria-live": "polite" });
		input.setAttribute("aria-label", "Filter: " + region.getAttribute("aria-label"));
		input.addEventListener("input", function () {
			const number = rows.choose(input.value);
			shown.textContent = input.value ? count(number) + " of " + count(rows.number) + " rows" : "";
		});
		region.before(make("div", { class: "tools" }, input, shown));
	}

	// Sizes: bars of what the table beside them has.

	const layers = [
		["reached or not known", "k0"],
		["lost", "k1"],
		["free", "k2"],
	];

	function columnsOf(table) {
		const ret = {};
		Array.from(table.tHead.rows[0].cells).forEach((heading, column) => (ret[heading.dataset.c] = column));
		return ret;
	}

	function readSizes(table) {
		const columns = columnsOf(table);
		if (!("in_use_chunks" in columns && "free_bytes" in columns && "size" in columns))
			return null;
		const rows = Array.from(table.tBodies[0].rows, function (row) {
			const at = (name) => (name in columns ? valueOf(row, columns[name]) || 0 : 0);
			return {
				size: at("size"),
				chunks: [at("in_use_chunks") - at("leaked_chunks"), at("leaked_chunks"), at("free_chunks")],
				bytes: [at("in_use_bytes") - at("leaked_bytes"), at("leaked_bytes"), at("free_bytes")],
			};
		});
		return withGaps(rows);
	}

	// Sizes are powers of two; those that no chunk has are there as well.
	function withGaps(rows) {
		const ret = [];
		for (const row of rows.sort((a, b) => a.size - b.size)) {
			for (let last = ret[ret.length - 1]; last && last.size && last.size * 2 < row.size; last = ret[ret.length - 1])
				ret.push({ size: last.size * 2, chunks: [0, 0, 0], bytes: [0, 0, 0] });
			ret.push(row);
		}
		return ret;
	}

	function sum(values) {
		return values.reduce((a, b) => a + b, 0);
	}

	function describe(row) {
		const range = "From " + bytes(row.size) + " to below " + bytes(2 * row.size);
		const parts = layers
			.map((layer, i) => (row.chunks[i] ? count(row.chunks[i]) + " " + (i ? layer[0] : "in use") + ", " + bytes(row.bytes[i]) : ""))
			.filter(Boolean);
		return range + ": " + (parts.join("; ") || "none");
	}

	// One stop for the keyboard in a chart; arrows go from part to part, and each says what it is.
	function prepareKeys(chart, said) {
		const groups = Array.from(chart.querySelectorAll("g"));
		groups.forEach(function (group, i) {
			const show = () => (said.textContent = group.getAttribute("aria-label"));
			group.setAttribute("tabindex", i ? "-1" : "0");
			group.addEventListener("mouseenter", show);
			group.addEventListener("focus", show);
		});
		const ways = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
		chart.addEventListener("keydown", function (event) {
			const next = groups[groups.indexOf(document.activeElement) + ways[event.key]];
			if (!next)
				return;
			event.preventDefault();
			document.activeElement.setAttribute("tabindex", "-1");
			next.setAttribute("tabindex", "0");
			next.focus();
		});
	}

	function lineFor() {
		return make("p", { class: "note", "aria-live": "polite" }, "\u00a0");
	}

	function drawSizes(rows, how, said) {
		const width = 1000, height = 240, left = 70, bottom = 24, top = 8;
		const all = rows.map((row) => row[how.what]);
		const most = Math.max(1, ...all.map(sum));
		const least = how.log ? Math.min(1, ...all.map(sum).filter(Boolean)) / 2 : 0;
		const scale = (value) =>
			(height - top - bottom) *
			(how.log ? (value > least ? Math.log(value / least) / Math.log(most / least) : 0) : value / most);
		const step = (width - left) / rows.length;
		const chart = draw("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "group" });
		chart.setAttribute("aria-label", "Chunks by size, " + (how.what === "bytes" ? "bytes" : "numbers"));
		const show = how.what === "bytes" ? bytes : count;
		const ticks = [];
		if (how.log)
			for (let value = 1; value <= most; value *= how.what === "bytes" ? 1024 : 1000)
				ticks.push(value);
		else
			for (let i = 1; i <= 4; i++)
				ticks.push((most * i) / 4);
		for (const tick of ticks) {
			const y = height - bottom - scale(tick);
			chart.append(draw("line", { x1: left, x2: width, y1: y, y2: y }));
			chart.append(draw("text", { x: left - 6, y: y + 4, "text-anchor": "end" }, show(Math.round(tick))));
		}
		rows.forEach(function (row, i) {
			const x = left + i * step;
			const text = describe(row);
			const group = draw("g", { role: "img", "aria-label": text });
			group.append(draw("rect", { class: "hit", x: x, y: 0, width: step, height: height - bottom }));
			let value = 0;
			row[how.what].forEach(function (part, layer) {
				const from = scale(value), to = scale(value + part);
				value += part;
				if (part)
					group.append(
						draw("rect", {
							class: layers[layer][1], x: x + step * 0.12, width: step * 0.76,
							y: height - bottom - to, height: Math.max(to - from, value === part ? 1 : 0),
						})
					);
			});
			group.append(draw("title", {}, text));
			chart.append(group);
			if (i % Math.ceil(rows.length / 14) === 0)
				chart.append(draw("text", { x: x + step / 2, y: height - 6, "text-anchor": "middle" }, bytes(row.size)));
		});
		chart.append(draw("line", { x1: left, x2: width, y1: height - bottom, y2: height - bottom }));
		prepareKeys(chart, said);
		return chart;
	}

	function choice(words, chosen, act) {
		const buttons = words.map(([word, value]) => {
			const button = make("button", { type: "button", "aria-pressed": String(value === chosen) }, word);
			button.addEventListener("click", function () {
				for (const other of buttons)
					other.setAttribute("aria-pressed", String(other === button));
				act(value);
			});
			return button;
		});
		return make("span", { role: "group" }, ...buttons);
	}

	function prepareSizes(table, region) {
		const rows = readSizes(table);
		if (!rows || !rows.length)
			return;
		const how = { what: "bytes", log: false };
		const said = lineFor();
		let chart = drawSizes(rows, how, said);
		const again = function () {
			const next = drawSizes(rows, how, said);
			chart.replaceWith(next);
			chart = next;
		};
		const tools = make("div", { class: "tools" },
			choice([["Bytes", "bytes"], ["Chunks", "chunks"]], how.what, (what) => { how.what = what; again(); }),
			choice([["Linear", false], ["Logarithmic", true]], how.log, (log) => { how.log = log; again(); }));
		for (const [word, name] of layers) {
			const key = draw("svg", { class: "key", viewBox: "0 0 10 10", "aria-hidden": "true" },
				draw("rect", { class: name, width: 10, height: 10 }));
			tools.append(make("span", { class: "note" }, key, " " + (word[0] === "r" ? "in use" : word)));
		}
		region.before(make("figure", {}, tools, chart, said));
	}

	// Holders: areas as large as what each retains, largest first, along the shorter side of what is left.

	function worst(row, side, scale) {
		const thick = (sum(row) * scale) / side;
		return Math.max(...row.map((value) => {
			const long = (value * scale) / thick;
			return Math.max(thick / long, long / thick);
		}));
	}

	function squarify(values, width, height) {
		const scale = (width * height) / sum(values);
		const ret = [];
		let x = 0, y = 0, row = [];
		const lay = function () {
			const upright = width >= height;
			const thick = (sum(row) * scale) / (upright ? height : width);
			let at = upright ? y : x;
			for (const value of row) {
				const long = (value * scale) / thick;
				ret.push(upright ? [x, at, thick, long] : [at, y, long, thick]);
				at += long;
			}
			if (upright) {
				x += thick;
				width -= thick;
			} else {
				y += thick;
				height -= thick;
			}
			row = [];
		};
		for (const value of values) {
			const side = Math.min(width, height);
			if (row.length && worst([...row, value], side, scale) > worst(row, side, scale))
				lay();
			row.push(value);
		}
		if (row.length)
			lay();
		return ret;
	}

	// Units of a chart that a letter of one width takes; characters of other scripts may take two.
	const letter = 7.3;

	function cut(text, room) {
		let used = 0, kept = "";
		for (const c of text) {
			used += c >= "\u1000" ? 2 : 1;
			if (used > room)
				return kept.slice(0, -1) + "\u2026";
			kept += c;
		}
		return text;
	}

	function prepareHolders(table, region) {
		const columns = columnsOf(table), most = 60, width = 1000, height = 260;
		if (!("retained_bytes" in columns && "which" in columns))
			return;
		const textOf = (row, name) => (name in columns ? row.cells[columns[name]].textContent : "");
		const rows = Array.from(table.tBodies[0].rows, (row) => ({
			value: valueOf(row, columns.retained_bytes) || 0,
			name: textOf(row, "which"),
			text: [textOf(row, "which"), textOf(row, "retained_bytes"), textOf(row, "holds")].filter(Boolean).join(", "),
		})).filter((row) => row.value > 0).sort((a, b) => b.value - a.value).slice(0, most);
		if (rows.length < 2)
			return;
		const chart = draw("svg", { class: "chart tree", viewBox: `0 0 ${width} ${height}`, role: "group" });
		chart.setAttribute("aria-label", "What each holder retains; the table below says the same");
		squarify(rows.map((row) => row.value), width, height).forEach(function ([x, y, w, h], i) {
			const group = draw("g", { role: "img", "aria-label": rows[i].text }, draw("title", {}, rows[i].text),
				draw("rect", { class: "k" + (i % 2 ? 5 : 0), x: x, y: y, width: w, height: h }));
			const letters = Math.floor((w - 12) / letter);
			if (h > 18 && letters > 4)
				group.append(draw("text", { x: x + 6, y: y + 15 },
					cut(rows[i].name, letters)));
			chart.append(group);
		});
		const said = lineFor();
		prepareKeys(chart, said);
		const together = bytes(sum(rows.map((row) => row.value)));
		region.before(make("figure", {}, chart, make("figcaption", {}, "The areas are " + together + ", retained by the " +
			count(rows.length) + " holders that retain the most."), said));
	}

	// Strips: part of one is enlarged by its viewBox.

	function parseRuns(text) {
		return text.split(" ").filter(Boolean).map((run) => run.split(":").map((word) => BigInt("0x" + word)));
	}

	function addressAt(runs, offset) {
		for (const [start, size] of runs) {
			if (offset < size)
				return "0x" + (start + offset).toString(16);
			offset -= size;
		}
		return "";
	}

	function prepareStrip(figure) {
		const map = figure.querySelector("svg"), caption = figure.querySelector("figcaption");
		const box = map.viewBox.baseVal, columns = box.width, height = box.height;
		const runs = parseRuns(map.dataset.runs), cell = BigInt(map.dataset.cell);
		const label = caption.textContent;
		let from = 0, width = columns;

		const show = function (place) {
			from = Math.max(0, Math.min(from, columns - width));
			map.setAttribute("viewBox", `${from} 0 ${width} ${height}`);
			const column = Math.floor(Math.min(place, columns - 0.001));
			const address = addressAt(runs, BigInt(Math.max(0, column)) * cell);
			caption.textContent = label + (address ? ". Here: " + address : "");
		};
		const zoom = function (factor, place) {
			const share = (place - from) / width;
			width = Math.max(Math.min(8, columns), Math.min(columns, width * factor));
			from = place - share * width;
			show(place);
		};
		const placeOf = function (event) {
			const area = map.getBoundingClientRect();
			return from + ((event.clientX - area.left) / area.width) * width;
		};
		map.setAttribute("tabindex", "0");
		map.addEventListener("wheel", function (event) {
			if (event.ctrlKey)
				return;
			event.preventDefault();
			zoom(event.deltaY < 0 ? 0.8 : 1.25, placeOf(event));
		}, { passive: false });
		map.addEventListener("pointermove", function (event) {
			if (event.buttons & 1)
				from -= (event.movementX / map.getBoundingClientRect().width) * width;
			show(placeOf(event));
		});
		map.addEventListener("pointerleave", () => (caption.textContent = label));
		map.addEventListener("keydown", function (event) {
			const middle = from + width / 2;
			if (event.key === "+" || event.key === "=")
				zoom(0.5, middle);
			else if (event.key === "-")
				zoom(2, middle);
			else if (event.key === "0")
				zoom(columns / width, middle);
			else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
				from += (event.key === "ArrowRight" ? 1 : -1) * width / 4;
				show(from + width / 2);
			} else
				return;
			event.preventDefault();
		});
	}

	document.documentElement.classList.add("on");
	for (const chart of document.querySelectorAll("svg.flame")) {
		const said = lineFor();
		chart.parentNode.append(said);
		prepareKeys(chart, said);
	}
	for (const region of document.querySelectorAll(".scroll")) {
		const table = region.querySelector("table");
		prepareSizes(table, region);
		prepareHolders(table, region);
		const rows = makeRows(table, region);
		prepareFilter(rows, region);
		prepareSorting(table, rows);
	}
	shortenTables();
	document.querySelectorAll("figure.strip").forEach(prepareStrip);
})();
