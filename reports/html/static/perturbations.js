// The held-out perturbations, and one of them in detail.
const valuesOf = (board, column) => (board.values.find((one) => same(one, column)) || { rows: {} }).rows;

function predictedBy(task) {
  return unique(task.perturbations.flatMap((one) => Object.keys(one.predicted)));
}

function perturbationColumn(board, state) {
  const headline = board.columns.filter((column) => column.headline);
  return headline.find((column) => same(column, state.column)) || headline[0];
}

function bestOf(board, column, index) {
  const methods = board.rows.filter((row) => row.kind === "method").map((row) => row.name);
  const values = valuesOf(board, column);
  const scored = methods.map((name) => [name, (values[name] || [])[index]]).filter(([, value]) => value !== null && value !== undefined);
  return scored.sort((a, b) => loss(column, a[1]) - loss(column, b[1]))[0] || [DASH, null];
}

function perturbations(board, task, state, set) {
  const column = perturbationColumn(board, state);
  const method = state.method;
  const values = valuesOf(board, column)[method] || [];
  const wanted = state.search.toLowerCase();
  const lines = task.perturbations
    .filter((one) => one.condition.toLowerCase().includes(wanted))
    .map((one) => {
      const index = board.conditions.indexOf(one.condition);
      return { one, value: index < 0 ? null : values[index], best: bestOf(board, column, index) };
    })
    .sort((a, b) => (loss(column, b.value) === Infinity ? -1 : loss(column, a.value) === Infinity ? 1 : loss(column, b.value) - loss(column, a.value)));
  const rows = lines.map(({ one, value, best }) =>
    h("tr", { class: one.condition === state.condition ? "chosen" : null, "data-condition": one.condition },
      h("th", { scope: "row" }, h("button", { type: "button", class: "link", onclick: () => set({ condition: one.condition }) }, one.condition)),
      h("td", {}, one.cells),
      h("td", {}, value === null || value === undefined ? DASH : number(value, column.decimals)),
      h("td", { class: "text" }, best[1] === null ? DASH : `${best[0]} ${number(best[1], column.decimals)}`)));
  const search = h("input", { type: "search", id: "search", placeholder: "find a perturbation", "aria-label": "find a perturbation", value: state.search, oninput: (event) => set({ search: event.target.value }) });
  const chosen = task.perturbations.find((one) => one.condition === state.condition);
  return h("section", { id: "perturbations" },
    h("h2", {}, "Perturbations"),
    h("p", { class: "quiet" }, `Worst predicted first: ${column.label} ${arrow(column)} (${column.group}) of the method chosen. Click one to see its genes.`),
    h("div", { class: "choices" },
      labelled("method", select("method", predictedBy(task).map((name) => [name, name]), method, (value) => set({ method: value }))),
      labelled("search", search)),
    h("div", { class: "columns" },
      h("div", { class: "scroll tall" }, h("table", { id: "conditions" },
        h("thead", {}, h("tr", {}, h("th", {}, "perturbation"), h("th", {}, "cells"), h("th", {}, method || DASH), h("th", { class: "text" }, "best"))),
        h("tbody", {}, rows))),
      chosen ? detail(board, task, chosen, method) : h("p", { class: "quiet" }, "No perturbation is chosen.")));
}

function detail(board, task, one, method) {
  const index = board.conditions.indexOf(one.condition);
  const headline = board.columns.filter((column) => column.headline);
  const names = board.rows.filter((row) => headline.some((column) => valuesOf(board, column)[row.name])).map((row) => row.name);
  const scores = names.map((name) =>
    h("tr", { class: name === method ? "chosen" : null },
      h("th", { scope: "row" }, name),
      headline.map((column) => {
        const value = index < 0 ? null : (valuesOf(board, column)[name] || [])[index];
        return h("td", {}, value === null || value === undefined ? DASH : number(value, column.decimals));
      })));
  const key = (kind, text) => h("span", {}, h("span", { class: `key ${kind}` }), text);
  return h("div", { id: "detail", "data-condition": one.condition },
    h("h3", {}, one.condition),
    h("p", { class: "quiet" }, `${one.cells} held-out cells. Its ${one.genes.length} most differential genes, ranked on other cells; ` +
      "zeros stand alone at the left, expression (log1p) to the right; heights share one scale per gene."),
    h("div", { class: "legend" }, key("true", "held-out cells"), key("control", "control cells"), key("predicted", `predicted by ${method || "nobody"}`)),
    h("div", { class: "tiles" }, one.genes.map((view) => geneChart(view, method, task.binWidth))),
    h("h3", {}, "Scores of this perturbation"),
    h("div", { class: "scroll" }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", {}, "method"), headline.map((column) => h("th", {}, `${column.label} ${arrow(column)}, ${column.group}`)))),
      h("tbody", {}, scores))));
}
