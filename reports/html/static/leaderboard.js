// The score table: filtered by gene set and metrics, sorted by any column.
const KINDS = ["floor", "oracle", "method", "ceiling"];

function shownColumns(board, state) {
  return board.columns.filter(
    (column) => (state.genes === "*" || column.genes === state.genes) && (state.metrics === "every" || column.headline),
  );
}

function sortedRows(board, state, column) {
  const index = board.columns.indexOf(column);
  const wanted = state.filter.toLowerCase();
  const rows = board.rows.filter((row) => row.kind !== "method" || row.name.toLowerCase().includes(wanted));
  const value = (row) => (row.cells[index] ? row.cells[index][0] : null);
  const direction = state.descending ? -1 : 1;
  const compare = (a, b) => {
    if (state.sort === "name") return direction * a.name.localeCompare(b.name);
    const [x, y] = [loss(column, value(a)), loss(column, value(b))];
    if (x === y) return 0;
    if (x === Infinity || y === Infinity) return x === Infinity ? 1 : -1;
    return direction * (x - y);
  };
  return rows.sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) || compare(a, b));
}

function leaderboard(board, state, set) {
  const columns = shownColumns(board, state);
  const sorted = columns.find((column) => same(column, state.column)) || columns[0];
  const rows = sortedRows(board, state, sorted);
  const { mark, list } = footnotes(board.notes);
  const heading = (text, active, sort, extra) =>
    h("th", { scope: "col", class: extra, "aria-sort": active ? (state.descending ? "descending" : "ascending") : "none" },
      h("button", { type: "button", onclick: () => set({ ...sort, descending: active && !state.descending }) }, text));
  const groups = [];
  for (const column of columns) {
    const last = groups[groups.length - 1];
    if (last && last.name === column.group) last.span += 1;
    else groups.push({ name: column.group, span: 1 });
  }
  const header = columns.map((column) => {
    const active = state.sort === "score" && column === sorted;
    const cell = heading(`${column.label} ${arrow(column)}`, active, { sort: "score", column }, column.greyed ? "greyed" : null);
    cell.dataset.metric = column.metric;
    cell.dataset.genes = column.genes;
    const noted = mark(column.notes);
    if (noted) cell.append(noted);
    return cell;
  });
  const body = rows.map((row) =>
    h("tr", { class: row.kind === "method" ? null : "bound", "data-method": row.name },
      h("th", { scope: "row" }, row.name, mark(row.notes)),
      columns.map((column) => scoreCell(row.cells[board.columns.indexOf(column)], column, state, mark))));
  const table = h("table", { id: "leaderboard" },
    h("thead", {},
      h("tr", {}, h("th", {}), groups.map((group) => h("th", { class: "group", colspan: group.span }, group.name))),
      h("tr", {}, heading("method", state.sort === "name", { sort: "name" }), header)),
    h("tbody", {}, body));
  const spread = state.spread === "conditions" ? "conditions of the mean over seeds" : "seeds of the mean over conditions";
  return h("section", { id: "scores" },
    h("h2", {}, "Leaderboard"),
    h("p", { class: "quiet" }, `${board.caption} Mean over conditions of the mean over seeds ± standard deviation over ${spread}. ` +
      "Best bold, second underlined, among methods scored on the same conditions. Click a heading to sort."),
    h("div", { class: "scroll" }, table),
    list(),
    h("p", { class: "quiet" }, `${board.protocol}: ${board.protocolText}`));
}

function scoreCell(cell, column, state, mark) {
  if (!cell) return h("td", { class: column.greyed ? "greyed" : null }, DASH);
  const [mean, overConditions, overSeeds, conditions, seeds, , rank, notes] = cell;
  const spread = state.spread === "conditions" ? overConditions : overSeeds;
  const kind = [rank, column.greyed ? "greyed" : null].filter(Boolean).join(" ");
  return h("td", { class: kind || null, title: `${conditions} conditions, ${seeds} seeds` },
    number(mean, column.decimals),
    spread === null ? null : h("span", { class: "spread" }, ` ±${number(spread, column.decimals)}`),
    mark(notes));
}
