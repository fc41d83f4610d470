// Bars between floor and ceiling, the paired comparison, small histograms and scatter plots.
function floorAndCeiling(board, state) {
  const columns = shownColumns(board, state);
  const column = columns.find((one) => same(one, state.column)) || columns[0];
  const index = board.columns.indexOf(column);
  const scored = sortedRows(board, state, column).filter((row) => row.cells[index] && row.cells[index][0] !== null);
  const value = (row) => row.cells[index][0];
  const bound = (kind) => board.rows.find((row) => row.kind === kind && row.cells[index] && row.cells[index][0] !== null);
  const values = scored.map(value).concat(column.better === "closer" ? [column.perfect] : []);
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  const at = (x) => (high > low ? (100 * (x - low)) / (high - low) : 0);
  const ticks = [["floor", bound("floor")], ["ceiling", bound("ceiling")]].filter(([, row]) => row);
  const bars = scored.map((row) => {
    const [from, to] = [at(Math.min(0, value(row))), at(Math.max(0, value(row)))];
    const bar = h("div", { class: row.kind === "method" ? "bar" : "bar bound", place: { left: `${from}%`, width: `${to - from}%` } });
    const lines = ticks.map(([kind, one]) => h("div", { class: `tick ${kind}`, place: { left: `calc(${at(value(one))}% - 1px)` } }));
    const placed = row.cells[index][5];
    return [
      h("div", { class: "name" }, row.name),
      h("div", { class: "track", role: "img", "aria-label": `${row.name}: ${number(value(row), column.decimals)}` }, bar, lines),
      h("div", { class: "value" }, number(value(row), column.decimals),
        placed === null ? null : h("span", { class: "spread" }, ` (${number(placed, 2)})`)),
    ];
  });
  const range = column.range === null ? "" : ` Dynamic range fraction ${number(column.range, 2)}.`;
  const named = ticks.map(([kind, row]) => `${row.name} (${kind === "floor" ? "grey" : "orange"} line)`).join(" and ");
  return h("section", { id: "bars" },
    h("h2", {}, `Floor and ceiling: ${column.label} ${arrow(column)}, ${column.group}`),
    h("p", { class: "quiet" }, `Bars from 0; ${named || "no bounds were scored"}. In parentheses: 0 is the control, 1 the technical duplicate.${range}`),
    h("div", { class: "bars" }, bars),
    paired(board, column));
}

function paired(board, column) {
  const comparison = board.comparison;
  const section = comparison && comparison.sections.find((one) => same(one, column));
  if (!section) return h("p", { class: "quiet" }, "No paired comparison under this metric: it is made for the headline metrics.");
  const noted = footnotes(comparison.notes);
  const rows = section.rows.map((row) => {
    const known = row.n > 0;
    return h("tr", {},
      h("th", { scope: "row" }, row.method, noted.mark(row.notes)),
      h("td", {}, known ? number(row.difference, section.decimals) : DASH),
      h("td", {}, known ? `[${number(row.low, section.decimals)}, ${number(row.high, section.decimals)}]` : DASH),
      h("td", {}, known ? row.p : DASH),
      h("td", {}, row.detectable === null ? DASH : number(row.detectable, section.decimals)),
      h("td", {}, row.n),
      h("td", {}, row.seeds),
      h("td", { class: `text ${row.verdict}` }, known ? row.verdict : DASH));
  });
  const heads = ["difference", `${100 * comparison.confidence} % interval`, "adj. p", "MDE", "n", "seeds"];
  return h("div", {},
    h("h3", {}, `Paired, against ${comparison.reference}`),
    h("p", { class: "quiet" }, comparison.caption),
    h("div", { class: "scroll" }, h("table", { id: "paired" },
      h("thead", {}, h("tr", {}, h("th", {}, "method"), heads.map((text) => h("th", {}, text)), h("th", { class: "text" }, "verdict"))),
      h("tbody", {}, rows))),
    noted.list());
}

// One gene: exact zeros in a bin of their own at the left, then equal bins.
function geneChart(view, method, width) {
  const predicted = view.predicted[method] || [];
  const bins = Math.max(view.true.length, view.control.length, predicted.length, 2);
  const most = Math.max(1, ...view.true, ...view.control, ...predicted);
  const [w, top, base, left] = [160, 6, 78, 8];
  const step = (w - 2 * left) / (bins + 1);
  const x = (bin) => left + (bin === 0 ? 0 : (bin + 1) * step);
  const y = (count) => base - ((base - top) * (count || 0)) / most;
  const outline = (counts) => {
    const parts = [`M${left},${y(counts[0]).toFixed(1)}H${(left + step).toFixed(1)}`];
    parts.push(`M${x(1).toFixed(1)},${y(counts[1]).toFixed(1)}`);
    for (let bin = 1; bin < bins; bin += 1) parts.push(`V${y(counts[bin]).toFixed(1)}H${(x(bin) + step).toFixed(1)}`);
    return parts.join("");
  };
  const blocks = view.true.map((count, bin) => s("rect", { class: "true", x: x(bin).toFixed(1), y: y(count).toFixed(1), width: step.toFixed(1), height: (base - y(count)).toFixed(1) }));
  const largest = ((bins - 1) * width).toFixed(0);
  return h("figure", { "data-gene": view.gene },
    h("figcaption", {}, view.gene),
    s("svg", { viewBox: `0 0 ${w} 94`, role: "img", "aria-label": `distribution of ${view.gene}` },
      blocks,
      s("path", { class: "control", d: outline(view.control) }),
      predicted.length ? s("path", { class: "predicted", d: outline(predicted) }) : null,
      s("line", { class: "axis", x1: left, x2: w - left, y1: base, y2: base }),
      s("text", { x: left, y: 90 }, "0"),
      s("text", { x: x(1), y: 90 }, ">0"),
      s("text", { x: w - left, y: 90, "text-anchor": "end" }, largest)));
}

// Predicted against true, a dot per perturbation.
function scatter(title, points, chosen, pick) {
  const known = points.filter((point) => point.x !== null && point.y !== null);
  const all = known.flatMap((point) => [point.x, point.y]);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const span = high - low || 1;
  const [w, edge] = [220, 26];
  const at = (value) => edge + ((w - 2 * edge) * (value - low)) / span;
  const dots = known.map((point) =>
    s("circle", { class: point.name === chosen ? "dot chosen" : "dot", cx: at(point.x).toFixed(1), cy: (w - at(point.y)).toFixed(1), r: point.name === chosen ? 5 : 3.2, onclick: () => pick(point.name) },
      s("title", {}, `${point.name}: true ${short(point.x)}, predicted ${short(point.y)}`)));
  return h("figure", {},
    h("figcaption", {}, title),
    known.length
      ? s("svg", { viewBox: `0 0 ${w} ${w}`, role: "img", "aria-label": title },
          s("line", { class: "diagonal", x1: edge, y1: w - edge, x2: w - edge, y2: edge }),
          s("line", { class: "axis", x1: edge, y1: w - edge, x2: w - edge, y2: w - edge }),
          s("line", { class: "axis", x1: edge, y1: edge, x2: edge, y2: w - edge }),
          dots,
          s("text", { x: edge, y: w - 12 }, short(low)),
          s("text", { x: w - edge, y: w - 12, "text-anchor": "end" }, short(high)),
          s("text", { x: w / 2, y: w - 4, "text-anchor": "middle" }, "true"),
          s("text", { x: 4, y: edge - 8 }, "predicted"))
      : h("p", { class: "quiet" }, "nothing to show"));
}
