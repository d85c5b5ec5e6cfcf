// Elements, tokens and numbers. Text from models and viewers is only ever set as text.

export const byId = (id) => document.getElementById(id);

/** An element with properties, attributes (`aria-…`, `data-…`) and children. */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.includes("-")) made.setAttribute(name, value);
    else if (name === "share") made.style.setProperty("--share", String(value));
    else made[name] = value;
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u00a0\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]/u;

/** A token with its spaces and line ends visible; hidden characters as escapes. */
export function tokenNode(token) {
  const node = el("span", { className: `token ${token.kind}` });
  if (token.kind === "part") node.title = "a part of a character";
  if (token.kind === "special") node.title = "a control token";
  let plain = "";
  const flush = () => { if (plain) node.append(plain); plain = ""; };
  for (const character of token.text) {
    const shown = visible(character);
    if (shown === character) { plain += character; continue; }
    flush();
    node.append(el("i", {}, shown));
  }
  flush();
  return node;
}

function visible(character) {
  if (character === " ") return "␣";
  if (character === "\n") return "⏎";
  if (character === "\t") return "⇥";
  if (!HIDDEN.test(character)) return character;
  return "\\u" + character.codePointAt(0).toString(16).padStart(4, "0");
}

/** A token as text, for labels and options. */
export const tokenText = (token) => [...token.text].map(visible).join("");

/** What was typed, where spaces, line ends and tabs may be as the page shows them. */
export const typedText = (text) => text.replaceAll("␣", " ").replaceAll("⏎", "\n").replaceAll("⇥", "\t");

/** A text with its hidden characters as escapes; spaces and line ends stay. */
export const visibleText = (text) =>
  [...text].map((each) => (each === " " || each === "\n" ? each : visible(each))).join("");

export const nats = (value) => value.toFixed(2);

/** A probability in percent; 0 only if it is 0. */
export function percent(p) {
  if (p === 0) return "0%";
  if (p < 0.0005) return "<0.1%";
  return `${(100 * p).toFixed(p < 0.0995 ? 1 : 0)}%`;
}

/** The bar's length in percent of the track, which is as long as the largest bar. */
export const shareOf = (p, largest) => Math.min(100, (100 * p) / largest);


/** A number with its sign; without one if it rounds to 0. */
export function signed(value, digits = 2) {
  const size = Math.abs(value).toFixed(digits);
  return Number(size) === 0 ? size : (value > 0 ? "+" : "−") + size;
}

export function replace(parent, ...children) { parent.replaceChildren(...children.flat()); }

/** A model's role, unless its name says it. */
export const roleOf = ({ model, role }) => (role === model || role === "model" ? "" : el("span", { className: "role" }, role));

/** Show a fault in its place, or nothing. */
export function showFault(id, error) {
  const place = byId(id);
  place.hidden = !error;
  place.textContent = error ? error.message : "";
}

/** Fill a select; options are [value, label]. */
export function fillSelect(select, options, chosen) {
  replace(select, options.map(([value, label]) => el("option", { value }, label)));
  select.value = options.some(([value]) => value === chosen) ? chosen : options[0]?.[0] ?? "";
}

/** A row of a bar chart: token or word, bar, number. `share` is the bar's length in percent. */
export function barRow({ label, share, number, className = "", less = false, ...more }) {
  return el(more.onclick ? "button" : "div", { type: more.onclick ? "button" : undefined, className: `row ${className}`, ...more },
    label,
    el("span", { className: "track" }, el("span", { className: less ? "fill less" : "fill", share, style: undefined })),
    el("span", { className: "number" }, number));
}

/** Arrow keys between the buttons of rows: left and right in a row, up and down between rows. */
export function moveByArrows(container, rowSelector) {
  container.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const button = event.target.closest("button[data-at]");
    if (!steps || !button) return;
    const rows = [...container.querySelectorAll(rowSelector)].map((row) => [...row.querySelectorAll("button[data-at]:not(:disabled)")]).filter((row) => row.length);
    const row = rows.findIndex((each) => each.includes(button));
    const column = rows[row].indexOf(button);
    const next = rows[row + steps[0]]?.[Math.min(column + steps[1], (rows[row + steps[0]]?.length ?? 0) - 1)];
    if (!next) return;
    event.preventDefault();
    setStop(container, next);
    next.focus();
  });
}

/** Let one button of a group be reached by Tab; the arrow keys reach the others. */
export function setStop(container, button) {
  container.querySelectorAll("button[data-at]").forEach((each) => { each.tabIndex = each === button ? 0 : -1; });
}
