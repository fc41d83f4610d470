// Whether predicted cells have collapsed onto each other, or hold too many or too few zeros.
function median(values) {
  const known = values.filter((value) => value !== null && Number.isFinite(value)).sort((a, b) => a - b);
  if (!known.length) return null;
  const middle = known.length >> 1;
  return known.length % 2 ? known[middle] : (known[middle - 1] + known[middle]) / 2;
}

function collapse(task, state, set) {
  const points = (field) => task.perturbations
    .filter((one) => one.predicted[state.method])
    .map((one) => ({ name: one.condition, x: one.true[field], y: one.predicted[state.method][field] }));
  const over = (method, read) => median(task.perturbations.filter((one) => one.predicted[method]).map((one) => read(one.true, one.predicted[method])));
  const ratio = (a, b) => (a === null || !b ? null : a / b);
  const rows = predictedBy(task).map((method) =>
    h("tr", { class: method === state.method ? "chosen" : null },
      h("th", { scope: "row" }, h("button", { type: "button", class: "link", onclick: () => set({ method }) }, method)),
      h("td", {}, short(over(method, (truth, look) => ratio(look[1], truth[1])))),
      h("td", {}, short(over(method, (truth, look) => look[2]))),
      h("td", {}, short(over(method, (truth, look) => look[0]))),
      h("td", {}, short(over(method, (truth, look) => (look[0] === null || truth[0] === null ? null : look[0] - truth[0]))))));
  const heads = ["distance between cells, predicted / true → 1", "variance ratio → 1", "zero fraction", "zero fraction, predicted − true → 0"];
  const pick = (condition) => set({ condition });
  return h("section", { id: "collapse" },
    h("h2", {}, "Collapse and sparsity"),
    h("p", { class: "quiet" }, "Medians over perturbations. Below 1: the predicted cells lie closer together than real ones. Means are shown as the cells they are lifted to. Dots: one perturbation of the method chosen above."),
    h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, "method"), heads.map((text) => h("th", { class: "wrap" }, text)))), h("tbody", {}, rows))),
    h("div", { class: "tiles wide" },
      scatter(`Distance between cells: ${state.method}`, points(1), state.condition, pick),
      scatter(`Zero fraction: ${state.method}`, points(0), state.condition, pick)));
}
