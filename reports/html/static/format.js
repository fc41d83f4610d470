// How numbers and marks are written; the same as in the printed tables.
const DASH = "–";

function number(value, decimals) {
  if (value === null || value === undefined) return "NaN";
  let text = value.toFixed(decimals);
  if (Number(text) === 0) text = text.replace("-", "");
  return text.replace("-", "−");
}

const short = (value) => (value === null || value === undefined ? DASH : String(Number(value.toPrecision(3))).replace("-", "−"));
const arrow = (column) => ({ lower: "↓", higher: "↑" })[column.better] || `→ ${column.perfect}`;
const marks = (notes) => (notes.length ? h("sup", {}, notes.join(",")) : null);
const same = (a, b) => a.metric === b.metric && a.genes === b.genes;

function footnotes(notes, used) {
  const shown = notes.filter(([mark]) => used.has(mark));
  return h("ol", { class: "notes" }, shown.map(([mark, text]) => h("li", {}, h("sup", {}, mark), " ", text)));
}

// Lower is better after this; null stays last.
function loss(column, value) {
  if (value === null || value === undefined) return Infinity;
  if (column.better === "higher") return -value;
  return column.better === "closer" ? Math.abs(value - column.perfect) : value;
}
