function conventionView(fieldKey, targetKey) {
  const { conventions, targets, rows, used, choices, verdicts } = data();
  const item = conventions[find(conventions, fieldKey)], target = find(targets, targetKey), cell = item.cells[target];
  const names = (row) => choices[row[CHOICE]].some(([field]) => field === item.field);
  const speaks = (row) => names(row) || used[row[USED]].some(([field]) => field === item.field);
  const confirmed = rows.filter((row) => row[TARGET] === target && speaks(row)
    && verdicts[row[VERDICT]][SOUND]).sort((a, b) => names(b) - names(a));
  return page(`${targets[target].name}: ${item.question}`, h("code", {}, `${item.field} = ${cell.option || "unknown"}`), [
    cell.mismatch && h("p", { class: "banner" }, `Measured ${cell.option}, ${cell.assumed ? "" : "but "}${promise(cell)}.`),
    cell.reason && h("p", { class: "banner" }, `Undetermined: ${cell.reason}`),
    facts([
      ["means", cell.option ? new Map(item.options).get(cell.option) ?? cell.option : ""],
      ["known from", { measured: "measured by probes", undetermined: "probes that could not decide", declared: "declared, not measured", canonical: "nothing else declared, not measured" }[cell.origin] ?? "not known"],
      ["declared", cell.assumed ? promise(cell) : cell.declared], ["source", cell.source], ["canonical", item.canonical],
      ["majority", item.majority || "no option is shared by more than half of the targets"],
    ]),
    cell.measured.map(({ dtype, option, declared, assumed, facts: told, excluded }) => [
      h("h3", {}, "Measured", dtype && ` in ${dtype}`, ": ", h("code", {}, option), declared && [assumed ? ", not declared; the suite assumes " : ", but declared ", h("code", {}, declared)]),
      facts(told),
      excluded.length > 0 && table("The alternatives that the probe excludes, each with the error it would leave, in units of the bound.",
        [["option"], ["meaning"], ["error / bound", "number"]],
        excluded.map(([name, error]) => () => [h("code", {}, name), new Map(item.options).get(name) ?? "", error]))]),
    h("h3", {}, "What every target does"),
    table(item.question, [["target"], ["option"], ["known from"]], targets.map((other, at) => () => [
      h("a", { href: address("convention", fieldKey, other.key), "aria-current": at === target ? "page" : null }, other.name),
      h("code", {}, item.cells[at].option || "–"), (item.cells[at].origin || "–") + (item.cells[at].outlier ? " ● the odd one out" : "") + (item.cells[at].mismatch ? (item.cells[at].assumed ? " ◯ assumed otherwise" : " ◯ declared otherwise") : "")])),
    item.options.length > 0 && [h("h3", {}, "Options"), table("The first is canonical.", [["option"], ["meaning"]],
      item.options.map(([name, text]) => () => [h("code", {}, name), text]))],
    h("h3", {}, "Cases that confirm it"),
    confirmed.length ? verdictTable(confirmed, `${counted(new Set(confirmed.map((row) => row[CASE])).size, "case")} ran under it and came out inside the bound. Those that it explains come first, then worst first.`)
      : h("p", {}, "No case of this run names it: it is the canonical choice, or no case came out as it says."),
  ]);
}

function casesView() {
  const { cases, targets, gravest, verdicts } = data();
  const verdictOf = new Map(gravest.map(([at, target, verdict]) => [`${at} ${target}`, verdicts[verdict][NAME]]));
  const holder = h("div"), search = h("input", { type: "search", id: "filter", autocomplete: "off" });
  const list = () => {
    const wanted = search.value.toLowerCase();
    const found = cases.map((item, at) => [item, at]).filter(([item]) => `${item.id} ${item.reason}`.toLowerCase().includes(wanted));
    holder.replaceChildren(...table(`${counted(found.length, "case")}. Each cell is the gravest verdict of the case on that target; – where it was not judged.`,
      [["case"], ...targets.map((target) => [target.name])],
      found.map(([item, at]) => () => [item.id, ...targets.map((target, column) => {
        const verdict = verdictOf.get(`${at} ${column}`);
        return verdict ? h("a", { href: address("case", item.key, target.key) }, verdictMark(verdict)) : "–";
      })]), "wide"));
  };
  search.addEventListener("input", list);
  list();
  return page("All cases", "", [h("label", { for: "filter" }, "Cases whose claim or reason contains"), search, holder]);
}

/** The frame of every evidence page. */
function page(title, sub, body) {
  return { title, content: [
    h("p", { class: "crumbs" }, h("a", { href: "#start" }, "← Report"), " · Escape goes back to it"),
    h("h2", { tabindex: "-1" }, title), h("p", { class: "sub" }, sub),
    data().leftOut > 0 && h("p", { class: "legend" }, `The details of ${counted(data().leftOut, "verdict")} were left out to keep this page small; they are in ${data().file}.`),
    body].flat(9).filter(Boolean) };
}

const overview = document.getElementById("overview"), evidence = document.getElementById("evidence");
const reportTitle = document.title;
const memory = { link: null, scroll: 0 };

function show() {
  if (!location.hash.startsWith("#/")) return showOverview();
  if (!overview.hidden) Object.assign(memory, { link: document.activeElement, scroll: scrollY });
  let shown;
  try {
    const [view, ...keys] = location.hash.slice(2).split("/").map(decodeURIComponent);
    if (!Object.hasOwn(views, view)) throw new RangeError("no such view");
    shown = views[view](...keys);
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof URIError || error instanceof TypeError)) throw error;
    shown = page("This report holds no such evidence", "", h("p", {}, "The address was made for another run."));
  }
  evidence.replaceChildren(...shown.content);
  overview.hidden = true;
  evidence.hidden = false;
  document.title = `${shown.title.slice(0, 200)} · ${reportTitle}`;
  scrollTo(0, 0);
  evidence.querySelector("h2").focus({ preventScroll: true });
}

function showOverview() {
  if (!overview.hidden) return;
  evidence.hidden = true;
  evidence.replaceChildren();
  overview.hidden = false;
  document.title = reportTitle;
  const section = document.getElementById(location.hash.slice(1));
  if (section && section.id !== "start") return section.scrollIntoView();
  scrollTo(0, memory.scroll);
  if (memory.link?.isConnected) memory.link.focus({ preventScroll: true });
}

addEventListener("hashchange", show);
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !evidence.hidden) location.hash = "#start";
});
// On paper nothing can be unfolded.
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details:not([open])")) folded.setAttribute("open", "printing");
});
addEventListener("afterprint", () => {
  for (const folded of document.querySelectorAll("details[open=printing]")) folded.removeAttribute("open");
});
show();
