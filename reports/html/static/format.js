// How numbers and marks are written; the same as in the printed tables.
const DASH = "–";

function number(value, decimals) {
  if (value === null || value === undefined) return "NaN";
  let text = value.toFixed(decimals);
  if (Number(text) === 0) text = text.replace("-", "");
  return text.replace("-", "−");
}

// Three significant digits; never an exponent for a large number.
function short(value) {
  if (value === null || value === undefined) return DASH;
  return (Math.abs(value) >= 1000 ? value.toFixed(0) : value.toPrecision(3)).replace("-", "−");
}

const arrow = (column) => ({ lower: "↓", higher: "↑" })[column.better] || `→ ${column.perfect}`;
const same = (a, b) => a.metric === b.metric && a.genes === b.genes;

const letters = (index) => (index < 26 ? "" : letters(Math.floor(index / 26) - 1)) + String.fromCharCode(97 + (index % 26));

// Marks and list of a table's footnotes, lettered from "a" in the order of use: columns that are hidden use none.
function footnotes(notes) {
  const texts = new Map(notes);
  const used = new Map();
  const letter = (note) => {
    if (!used.has(note)) used.set(note, letters(used.size));
    return used.get(note);
  };
  return {
    mark: (marks) => (marks.length ? h("sup", {}, marks.map(letter).join(",")) : null),
    list: () => h("ol", { class: "notes" }, [...used].map(([note, shown]) => h("li", {}, h("sup", {}, shown), " ", texts.get(note)))),
  };
}

// Lower is better after this; null stays last.
function loss(column, value) {
  if (value === null || value === undefined) return Infinity;
  if (column.better === "higher") return -value;
  return column.better === "closer" ? Math.abs(value - column.perfect) : value;
}
