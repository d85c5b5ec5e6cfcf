// Elements, tokens and numbers. Text from models and viewers is only ever set as text.

export const byId = (id) => document.getElementById(id);

/** An element with properties, attributes (`role`, `aria-…`, `data-…`) and children. */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.includes("-") || name === "role") made.setAttribute(name, value);
    else if (name === "share") made.style.setProperty("--share", String(value));
    else made[name] = value;
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u00a0\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]/u;

/** A token with its spaces and line ends visible; hidden characters as escapes. A space in a name is none of the text. */
export function tokenNode(token) {
  const node = el("span", { className: `token ${token.kind}` });
  if (token.kind === "part") node.title = "a part of a character, by its bytes";
  if (token.kind === "special") node.title = "a control token";
  let plain = "";
  const flush = () => { if (plain) node.append(plain); plain = ""; };
  for (const character of token.text) {
    const shown = visibleIn(token, character);
    if (shown === character) { plain += character; continue; }
    flush();
    node.append(el("i", {}, shown));
  }
  flush();
  return node;
}

const visibleIn = ({ kind }, character) => (character === " " && kind !== "text" ? " " : visible(character));

function visible(character) {
  if (character === " ") return "␣";
  if (character === "\n") return "⏎";
  if (character === "\t") return "⇥";
  if (!HIDDEN.test(character)) return character;
  return "\\u" + character.codePointAt(0).toString(16).padStart(4, "0");
}

/** A token as text, for labels and options. */
export const tokenText = (token) => [...token.text].map((character) => visibleIn(token, character)).join("");

/** What was typed, where spaces, line ends and tabs may be as the page shows them. */
export const typedText = (text) => text.replaceAll("␣", " ").replaceAll("⏎", "\n").replaceAll("⇥", "\t");

/** A text with its hidden characters as escapes; spaces and line ends stay. */
export const visibleText = (text) =>
  [...text].map((each) => (each === " " || each === "\n" ? each : visible(each))).join("");

export const nats = (value) => value.toFixed(2);
/** As the boxes of tokens have it. */
export const shortNats = (value) => value.toFixed(1);

/** A probability in percent; 0 only if it is 0. */
export function percent(p) {
  if (p === 0) return "0%";
  if (p < 0.0005) return "<0.1%";
  return `${(100 * p).toFixed(p < 0.0995 ? 1 : 0)}%`;
}

/** The bar's length in percent of the track, which is as long as the largest bar. */
export const shareOf = (p, largest) => (100 * p) / largest;

/** A number with its sign; without one if it rounds to 0. */
export function signed(value, digits = 2) {
  const size = Math.abs(value).toFixed(digits);
  return Number(size) === 0 ? size : (value > 0 ? "+" : "−") + size;
}

export function replace(parent, ...children) { parent.replaceChildren(...children.flat()); }

/** A model's role, unless its name says it; "" of a model without one. */
export const roleWord = ({ name, role }) => (role === "model" || name.split("/").pop() === role ? "" : role);
export const roleOf = ({ model, role }) => {
  const word = roleWord({ name: model, role });
  return word ? el("span", { className: "role" }, word) : "";
};

/** "1 token", "2 tokens". */
export const counted = (number, what) => `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;

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

/** A row of a bar chart: token or word, bar, number. `share` is the bar's length in percent; null: no bar. */
export function barRow({ label, share, number, className = "", less = false, ...more }) {
  const bar = () => el("span", { className: "track" }, el("span", { className: less ? "fill less" : "fill", share }));
  return el(more.onclick ? "button" : "div", { type: more.onclick ? "button" : undefined, className: `row ${className}`, ...more },
    label, share === null ? el("span", {}) : bar(), el("span", { className: "number" }, number));
}

/**
 * Arrow keys, Home and End between the buttons of lists: along a list, and across to the next one.
 * `isDown`: whether a list runs down the page. `stopOf`: the part of the page that Tab stops at once.
 */
export function moveByArrows(container, lists, { isDown, stopOf }) {
  const keys = isDown ? ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"] : ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
  container.addEventListener("keydown", (event) => {
    const button = event.target.closest("button");
    if (!button || event.ctrlKey || event.altKey || event.metaKey) return;
    const all = [...container.querySelectorAll(lists)].map(buttonsOf).filter((list) => list.length);
    const list = all.findIndex((each) => each.includes(button));
    if (list < 0) return;
    const at = all[list].indexOf(button);
    const across = (other) => other?.[Math.min(at, other.length - 1)];
    const targets = [all[list][at - 1], all[list][at + 1], across(all[list - 1]), across(all[list + 1])];
    const next = { Home: all[list][0], End: all[list].at(-1) }[event.key] ?? targets[keys.indexOf(event.key)];
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
  container.addEventListener("focusin", (event) => {
    const button = event.target.closest("button");
    if (button) setStop(stopOf(button), button);
  });
}

const buttonsOf = (list) => [...list.querySelectorAll("button:not(:disabled)")];

/** Let one button of a part of the page be reached by Tab; the arrow keys reach the others. */
export function setStop(part, button) {
  buttonsOf(part).forEach((each) => { each.tabIndex = each === button ? 0 : -1; });
}
