"use strict";
// Everything recorded reaches the page as text nodes: nothing here parses markup.

const records = { data: null };

/** The data of the page, parsed when the first evidence is opened. */
function data() {
  records.data ??= JSON.parse(document.getElementById("records").textContent);
  return records.data;
}

/** An element with attributes and children; strings become text, null and false nothing. */
function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat(9).filter((child) => child !== null && child !== false && child !== ""));
  return element;
}

function address(view, ...keys) {
  return "#/" + [view, ...keys.map((key) => encodeURIComponent(key))].join("/");
}

function counted(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/** Text in which web addresses are links. */
function linked(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(/https?:\/\/[^\s<>"'()]+[^\s<>"'().,:;]/g)) {
    parts.push(text.slice(end, match.index));
    parts.push(h("a", { href: match[0], rel: "noreferrer noopener" }, match[0]));
    end = match.index + match[0].length;
  }
  return [...parts, text.slice(end)];
}

function verdictMark(name) {
  return h("span", { class: `kind ${name.replaceAll(" ", "-")}` }, h("b", {}, data().glyphs[name]), name);
}

/** What a target promises: an option that it declares, or one that the suite assumes. */
function promise({ declared, assumed }) {
  return `${assumed ? "not declared; the suite assumes" : "declared"} ${declared}`;
}

function facts(pairs, className = "") {
  return h("dl", { class: `facts ${className}` }, pairs.filter(([, text]) => text !== "" && text !== null)
    .map(([label, text]) => h("div", {}, h("dt", {}, label), h("dd", {}, typeof text === "string" ? linked(text) : text))));
}

/** A command with a button that copies it; the older way of copying needs no permission. */
function copyable(command) {
  const code = h("code", {}, command), told = h("span", { role: "status", class: "legend" });
  const button = h("button", { type: "button" }, "Copy");
  button.addEventListener("click", () => {
    const selection = getSelection();
    selection.selectAllChildren(code);
    const copied = document.execCommand("copy");
    if (copied) selection.removeAllRanges();
    told.textContent = copied ? "Copied." : "Selected: copy it with the keyboard.";
  });
  return [code, button, told];
}

/** A table; columns are [heading, class], rows are lists of cell contents. */
function table(caption, columns, rows, className) {
  const head = h("tr", {}, columns.map(([name, kind]) => h("th", { scope: "col", class: kind }, name)));
  const body = h("tbody");
  const fill = (from, to) => body.append(...rows.slice(from, to).map((row) => {
    const cells = row(); // a row is built when it is shown: lists can be very long
    return h("tr", {}, cells.map((cell, at) => h("td", { class: columns[at][1] }, cell)));
  }));
  const whole = h("table", { class: className }, h("caption", {}, caption), h("thead", {}, head), body);
  const page = 250;
  fill(0, page);
  const parts = [h("div", { class: "scroll" }, whole)];
  if (rows.length > page) parts.push(moreButton(rows.length, page, fill));
  return parts;
}

function moreButton(total, shown, fill) {
  const button = h("button", { type: "button" });
  const label = () => { button.textContent = `Show more rows (${(total - shown).toLocaleString("en")} left)`; };
  button.addEventListener("click", () => {
    fill(shown, shown + 1000);
    shown = Math.min(total, shown + 1000);
    if (shown === total) button.remove(); else label();
  });
  label();
  return button;
}
