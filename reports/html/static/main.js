// State, and what is drawn of it. The address keeps the task, protocol and perturbation, so that a view can be linked.
const data = JSON.parse(document.getElementById("data").textContent);
const root = document.getElementById("report");
const asked = new URLSearchParams(location.hash.slice(1));
const state = {
  task: data.tasks.some((task) => task.name === asked.get("task")) ? asked.get("task") : data.tasks[0].name,
  protocol: asked.get("protocol"), condition: asked.get("condition"), method: asked.get("method"),
  genes: "*", metrics: "headline", spread: "conditions", filter: "", search: "", sort: "score", descending: false, column: {},
};

function settle() {
  const boards = data.boards.filter((one) => one.task === state.task);
  const board = boards.find((one) => one.protocol === state.protocol) || boards[0];
  const task = data.tasks.find((one) => one.name === state.task);
  state.protocol = board.protocol;
  if (state.genes !== "*" && !board.columns.some((column) => column.genes === state.genes)) state.genes = "*";
  if (!shownColumns(board, state).length) state.metrics = "every";
  const columns = shownColumns(board, state);
  if (!columns.some((column) => same(column, state.column))) state.column = columns[0];
  const methods = predictedBy(task);
  if (!methods.includes(state.method)) {
    const order = board.rows.filter((row) => row.kind === "method").map((row) => row.name);
    state.method = order.find((name) => methods.includes(name)) || methods[0] || null;
  }
  if (!task.perturbations.some((one) => one.condition === state.condition)) {
    state.condition = task.perturbations.length ? task.perturbations[0].condition : null;
  }
  return { boards, board, task };
}

function set(change) {
  Object.assign(state, change);
  draw();
}

// What can have the focus, in order: the same place has it after the page is drawn again.
const focusable = () => [...root.querySelectorAll("select, input, button, summary")];

function draw() {
  const { boards, board, task } = settle();
  const scopes = unique(board.columns.map((column) => column.genes));
  const group = (genes) => board.columns.find((column) => column.genes === genes).group;
  const filter = h("input", { type: "search", id: "filter", value: state.filter, placeholder: "all", oninput: (event) => set({ filter: event.target.value }) });
  const controls = h("div", { class: "controls" },
    labelled("task", select("task", data.tasks.map((one) => [one.name, one.name]), state.task, (task_) => set({ task: task_ }))),
    labelled("protocol", select("protocol", boards.map((one) => [one.protocol, one.protocol]), state.protocol, (protocol) => set({ protocol }))),
    labelled("genes", select("genes", [["*", "every gene set"], ...scopes.map((genes) => [genes, group(genes)])], state.genes, (genes) => set({ genes }))),
    labelled("metrics", select("metrics", [["headline", "headline"], ["every", "every metric"]], state.metrics, (metrics) => set({ metrics }))),
    labelled("± over", select("spread", [["conditions", "conditions"], ["seeds", "seeds"]], state.spread, (spread) => set({ spread }))),
    labelled("methods", filter));
  const place = focusable().indexOf(document.activeElement);
  const caret = place < 0 ? null : document.activeElement.selectionStart;
  const tables = [...root.querySelectorAll(".scroll")].map((one) => [one.scrollLeft, one.scrollTop]);
  root.replaceChildren(
    h("header", {},
      h("h1", {}, data.title),
      task.label ? h("p", {}, h("span", { class: "label" }, task.label)) : null,
      h("p", { class: "quiet" }, `${task.name}: ${task.summary}`)),
    controls,
    leaderboard(board, state, set),
    floorAndCeiling(board, state),
    perturbations(board, task, state, set),
    collapse(task, state, set),
    runs(data, board));
  [...root.querySelectorAll(".scroll")].forEach((one, index) => {
    if (tables[index]) [one.scrollLeft, one.scrollTop] = tables[index];
  });
  const again = focusable()[place];
  if (again) again.focus({ preventScroll: true });
  if (again && again.type === "search") again.setSelectionRange(caret, caret);
  const address = new URLSearchParams({ task: state.task, protocol: state.protocol });
  if (state.condition) address.set("condition", state.condition);
  if (state.method) address.set("method", state.method);
  history.replaceState(null, "", `#${address}`);
}

draw();
