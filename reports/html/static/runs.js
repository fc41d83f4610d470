// Where every number comes from.
const pairs = (list) => h("dl", {}, list.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));

function runs(data, board) {
  const mine = data.runs.filter((run) => run.task === board.task);
  const rows = mine.map((run) =>
    h("tr", {},
      h("th", { scope: "row" }, run.method),
      h("td", {}, run.seed),
      h("td", { class: "text" }, run.status, run.note ? `: ${run.note}` : null),
      h("td", {}, short(run.seconds)),
      h("td", {}, short(run.gibibytes)),
      h("td", { class: "text" }, h("details", {}, h("summary", {}, run.key), pairs(run.details)))));
  return h("section", { id: "runs" },
    h("h2", {}, "Runs and provenance"),
    pairs([["scores", board.hash], ...board.details, ...data.provenance]),
    h("div", { class: "scroll tall" }, h("table", {},
      h("thead", {}, h("tr", {}, ["method", "seed"].map((text) => h("th", {}, text)), h("th", { class: "text" }, "status"), ["seconds", "GiB"].map((text) => h("th", {}, text)), h("th", { class: "text" }, "run"))),
      h("tbody", {}, rows))));
}
