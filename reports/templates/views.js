// The columns of one row of data().rows.
const CASE = 0, TARGET = 1, TENSOR = 2, STEP = 3, VERDICT = 4, ERROR = 5, ULP = 6, USED = 7,
  CHOICE = 8, FORMULA = 9, POSITION = 10, DETAIL = 11, WIDTH = 12;
// Those of data().verdicts.
const KEY = 0, NAME = 1, SOUND = 2, PLAIN = 3;

function find(list, key) {
  const at = list.findIndex((item) => (item.key ?? item[0]) === key);
  if (at < 0) throw new RangeError("no such evidence");
  return at;
}

function caseLink(row, text) {
  const { cases, targets } = data();
  return h("a", { href: address("case", cases[row[CASE]].key, targets[row[TARGET]].key) }, text ?? cases[row[CASE]].id);
}

/** The declared conventions that a verdict differs by, as text. */
function differsBy(row) {
  return data().choices[row[CHOICE]].map(([field, option]) => `${field}=${option}`).join(", ");
}

const UNITS = "Error in units of the element's bound; bound in units of the size of the values, decided up to 0.5; ULP: units in the last place of the tensor's dtype.";

/** A list of verdicts, in the order of the data: worst first. */
function verdictTable(rows, caption) {
  const { verdicts, tensors, targets } = data();
  return table(
    `${caption} ${UNITS}`,
    [["verdict"], ["case"], ["target"], ["step"], ["tensor"], ["error / bound", "number"], ["bound / size", "number"], ["max ULP", "number"], ["convention"]],
    rows.map((row) => () => [
      verdictMark(verdicts[row[VERDICT]][NAME]), caseLink(row), targets[row[TARGET]].name, row[STEP],
      h("code", {}, tensors[row[TENSOR]][1] || "–"), row[ERROR], row[WIDTH], row[ULP], h("code", {}, differsBy(row) || "–"),
    ]), "wide");
}

const views = {
  case(caseKey, targetKey) {
    const { cases, targets, rows, gravest, verdicts } = data();
    const at = find(cases, caseKey), target = find(targets, targetKey), about = cases[at];
    const own = rows.filter((row) => row[CASE] === at && row[TARGET] === target)
      .sort((a, b) => a[POSITION] - b[POSITION]);
    if (!own.length) throw new RangeError("no such evidence");
    const others = gravest.filter(([one]) => one === at).map(([, other, verdict]) => h("li",
      { class: other === target ? "here" : null },
      h("a", { href: address("case", caseKey, targets[other].key), "aria-current": other === target ? "page" : null }, targets[other].name),
      " ", verdictMark(verdicts[verdict][NAME])));
    return page(about.id, ["on ", h("a", { href: address("target", targetKey) }, targets[target].name)], [
      about.reason && h("p", { class: "reason" }, about.reason),
      h("ul", { class: "others", "aria-label": "The same case on every target" }, others),
      facts(about.facts, "short"),
      reproduction(targets[target], about),
      tensorTable(own), usedTable(own), own.filter((row) => row[DETAIL]).map(detail),
      own.some((row) => !row[DETAIL] && !verdicts[row[VERDICT]][PLAIN]) &&
        h("p", { class: "banner" }, `Details were left out to keep this page small; read them in ${data().file}.`),
    ]);
  },
  verdict(targetKey, verdictKey) {
    const { targets, verdicts, rows } = data();
    const target = find(targets, targetKey), verdict = find(verdicts, verdictKey);
    const found = rows.filter((row) => row[TARGET] === target && row[VERDICT] === verdict);
    return page(`${targets[target].name}: ${verdicts[verdict][NAME]}`, counted(found.length, "verdict"),
      verdictTable(found, "Worst first."));
  },
  heat(tensorKey, targetKey) {
    const { targets, tensors, rows } = data();
    const target = find(targets, targetKey), tensor = find(tensors, tensorKey);
    const found = rows.filter((row) => row[TARGET] === target && row[TENSOR] === tensor && row[ERROR] !== "–");
    return page(`${tensors[tensor][1] || "(no tensor)"} of ${targets[target].name}`, counted(found.length, "verdict"),
      verdictTable(found, "Worst first."));
  },
  finding(number) {
    const { findings, rows } = data(), item = findings[number];
    return page(item.sentence, verdictMark(item.kind), verdictTable(item.rows.map((at) => rows[at]), "Worst first."));
  },
  explanation(number) {
    const { explanations, rows } = data(), item = explanations[number];
    return page(item.line, item.sentence, verdictTable(item.rows.map((at) => rows[at]), "Worst first."));
  },
  difference(number) {
    const { differences, targets, rows } = data(), item = differences[number];
    return page(`${targets[item.target].name}: ${item.convention || "(not named)"}`, item.meaning,
      verdictTable(item.rows.map((at) => rows[at]), "Worst first."));
  },
  target(key) {
    const { targets, conventions, rows, verdicts } = data(), at = find(targets, key), about = targets[at];
    const own = rows.filter((row) => row[TARGET] === at);
    const tally = verdicts.map((kind, verdict) => [kind[KEY], kind[NAME], own.filter((row) => row[VERDICT] === verdict).length]);
    return page(about.name, "target", [
      about.broken.length > 0 && [h("h3", {}, about.ended[0].toUpperCase() + about.ended.slice(1)), about.broken.map(([label, text]) => [h("p", { class: "legend" }, label), h("pre", {}, text)])],
      facts(about.facts),
      h("ul", { class: "others", "aria-label": "Verdicts" }, tally.filter(([, , n]) => n).map(([kind, name, n]) =>
        h("li", {}, h("a", { href: address("verdict", key, kind) }, n.toLocaleString("en")), " ", verdictMark(name)))),
      table("The conventions of this target.", [["convention"], ["question"], ["option"], ["known from"], ["source"]],
        conventions.filter((item) => item.cells[at]?.option).map((item) => () => {
          const cell = item.cells[at];
          return [h("a", { href: address("convention", item.key, key) }, h("code", {}, item.field)), item.question,
            h("code", {}, cell.option), cell.mismatch ? `measured; ${promise(cell)}` : cell.origin, linked(cell.source)];
        }), "wide"),
    ]);
  },
  convention: conventionView,
  cases: casesView,
};

function reproduction(target, about) {
  const command = `${target.command} --case ${about.argument} --report=reports/reproduced`; // not onto this report
  return h("div", { class: "reproduce" }, h("span", {}, "Reproduce:"), copyable(command),
    h("span", { class: "legend" }, "with tox: ", h("code", {}, "tox -e report --"), " …the same options"));
}

function tensorTable(rows) {
  const { verdicts, tensors, texts } = data();
  return table(`Each tensor of each step. ${UNITS}`,
    [["step"], ["tensor"], ["verdict"], ["error / bound", "number"], ["bound / size", "number"], ["max ULP", "number"], ["explained by"], ["canonical formula", "formula"]],
    rows.map((row) => () => [row[STEP], h("code", {}, tensors[row[TENSOR]][1] || "–"), verdictMark(verdicts[row[VERDICT]][NAME]),
      row[ERROR], row[WIDTH], row[ULP], explainedBy(row), texts[row[FORMULA]] || "–"]));
}

/** The declared convention a verdict follows, or what would explain it in the fewest words. */
function explainedBy(row) {
  const { texts } = data(), [, known, , , diagnosis] = row[DETAIL] || [];
  if (texts[known]) return "known, see below";
  return h("code", {}, differsBy(row) || texts[diagnosis?.[0]] || "–");
}

function meaning(field, option) {
  const item = data().conventions.find((convention) => convention.field === field);
  return item ? `${item.question} ${new Map(item.options).get(option) ?? option}` : "";
}

function usedTable(rows) {
  const { used, texts } = data(), seen = new Map();
  for (const row of rows) for (const [field, option, source] of used[row[USED]]) seen.set(`${field}=${option}`, [field, option, texts[source]]);
  if (!seen.size) return null;
  return [h("h3", {}, "Conventions used"), table("Declared by the target for this case, where they are not the canonical ones.",
    [["convention"], ["meaning"], ["source", "source"]],
    [...seen.values()].map(([field, option, source]) => () => [h("code", {}, `${field} = ${option}`), meaning(field, option), linked(source)]))];
}

function detail(row) {
  const { verdicts, tensors, texts } = data(), [message, known, upstream, log, diagnosis, index, ...values] = row[DETAIL];
  const name = tensors[row[TENSOR]][1], labels = ["observed", "expected, under the declared conventions", "expected, canonical", "bound on the error"];
  return h("section", { class: "detail" },
    h("h3", {}, name ? h("code", {}, name) : "no tensor", `, step ${row[STEP]}: `, verdictMark(verdicts[row[VERDICT]][NAME])),
    texts[row[FORMULA]] && h("p", { class: "formula" }, texts[row[FORMULA]]),
    values.length > 0 && table(`The worst element, index [${index}]: ${row[ERROR]} × bound. Each value as decimal and as hex float, which is exact.`,
      [["value"], ["decimal", "value"], ["hex float", "value"]],
      labels.map((label, at) => () => [label, values[2 * at] || "–", values[2 * at + 1] || "–"])),
    texts[known] && h("p", {}, h("b", {}, "Known: "), texts[known], texts[upstream] && [" (", linked(texts[upstream]), ")"], "."),
    diagnosis.length > 0 && [h("p", {}, h("b", {}, "Explained by"), diagnosis.length > 1 ? ", the simplest first; this case alone cannot tell them apart:" : ":"),
      h("ol", { class: "diagnosis" }, diagnosis.map((at) => h("li", {}, h("code", {}, texts[at]))))],
    texts[message] && h("pre", {}, texts[message]),
    texts[log] && [h("p", { class: "legend" }, "What the target’s process wrote:"), h("pre", { class: "log", tabindex: "0" }, texts[log])]);
}
