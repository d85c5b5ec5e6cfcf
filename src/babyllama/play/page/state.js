// What is shown, kept in the address's fragment: a link shows the same.

const whole = (least, most) => (text) => /^\d{1,16}$/.test(text) && Number(text) >= least && Number(text) <= most;
const between = (least, most) => (text) => text.trim() !== "" && Number(text) >= least && Number(text) <= most;
const any = () => true;
const isOne = (text) => text === "1";
const FORCED = /^\d{1,9}\.\d{1,9}\.[ke](_\d{1,9}\.\d{1,9}\.[ke]){0,199}$/;
const group = (state) => cast.groups[Number(state.g)];
const isModel = (text, state) => group(state).models.some(({ name }) => name === text);

// Of each field: its default, whether a text is allowed as its value, and what is allowed, in words.
// `g` comes first and `run` before `bench`: the others are checked with them.
const FIELDS = {
  g: ["0", (text) => whole(0, cast.groups.length - 1)(text), "g is the number of a group of models on this page"],
  text: ["", any],
  // Places where the viewer put another token: at.token.k (keeps the rest) or .e (ends), joined by _
  forced: ["", (text, state) => FORCED.test(text) && tokensOf(text).every(({ token }) => token < group(state).vocabulary),
    "forced names tokens that the viewer has put into the text"],
  at: ["", whole(0, 1e9), "at is the number of a place in the text"],
  T: ["1", between(0.05, 20), "T is a temperature from 0.05 to 20"],
  from: ["", isModel, "from is the name of a model on this page"],
  to: ["", isModel, "to is the name of a model on this page"],
  predict: ["", isOne, "predict is 1 or left out"],
  guess: ["", (text, state) => whole(0, group(state).vocabulary - 1)(text), "guess is the number of a token"],
  student: ["", (text) => cast.lessons.some(({ student }) => student === text), "student is the name of a student on this page"],
  // What is written next; wrote: 1 once it was asked for; step: how many tokens are shown of each model
  seed: ["0", whole(0, Number.MAX_SAFE_INTEGER), "seed is a whole number from 0 on"],
  wT: ["1", between(0.05, 20), "wT is a temperature from 0.05 to 20"],
  n: ["30", whole(1, 200), "n is a number of tokens from 1 to 200"],
  wrote: ["", isOne, "wrote is 1 or left out"],
  step: ["", whole(1, 200), "step is a number of tokens from 1 to 200"],
  first: ["", any],
  second: ["", any],
  run: ["", (text) => cast.runs.some(({ prefix }) => prefix === text), "run is the name of a run on this page, followed by /"],
  bench: ["", (text, state) => cast.runs.some(({ prefix, benchmarks }) => prefix === state.run && benchmarks.includes(text)),
    "bench is the name of a benchmark of that run"],
  right: ["", any], wrong: ["", any], uid: ["", any], words: ["", any],
  start: ["0", whole(0, 1e9), "start is the number of a pair"],
};

let cast = null; // what there is to show
const defaults = Object.fromEntries(Object.entries(FIELDS).map(([name, [value]]) => [name, value]));
export const state = { ...defaults };
const listeners = [];
let given = new Set(); // fields that the address gave, until the viewer changes anything
let ignored = []; // what is ignored of the address, in sentences
let onIgnored = () => {};

/** Call `listener(changed)` with the names of the fields that have changed. */
export function onChange(listener) { listeners.push(listener); }

/** Begin with the address; `tell` is called with what is ignored of it. */
export function startState(found, tell) {
  cast = found;
  onIgnored = tell;
  defaults.text = found.text;
  readAddress();
}

/** Change fields; `push` makes the browser's Back button undo it. */
export function change(fields, { push = false } = {}) {
  const changed = assign(fields);
  if (!changed.size) return;
  forget();
  const address = "#" + fragment();
  if (push) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
  listeners.forEach((listener) => listener(changed));
}

/** Look at a place that the viewer has not chosen: the address stays as it is. */
export function choosePlace(at) { state.at = String(at); }

function assign(fields) {
  const changed = new Set();
  for (const [name, value] of Object.entries(fields)) {
    const text = String(value ?? "");
    if (name in FIELDS && state[name] !== text) { state[name] = text; changed.add(name); }
  }
  return changed;
}

/** The address of what is shown; before the first change it is not yet the browser's. */
export const link = () => `${location.href.split("#")[0]}#${fragment()}`;

/** The state as an address; it always has the text, since the default text depends on the run. */
function fragment() {
  const shown = Object.entries(state).filter(([name, value]) => name === "text" || value !== defaults[name]);
  return new URLSearchParams(shown).toString();
}

/** Read the address, at the start and after Back; wrong values are ignored, and the page says so. */
function readAddress() {
  forget();
  const found = { ...defaults };
  const said = new URLSearchParams(location.hash.slice(1));
  for (const [name, [, may, words]] of Object.entries(FIELDS)) {
    const text = said.get(name);
    if (text === null || (text === "" && name !== "text")) continue;
    if (may(text, found)) { found[name] = text; given.add(name); } else ignored.push(told(name, text, words));
  }
  for (const name of said.keys()) {
    if (!(name in FIELDS)) ignored.push(told(name, said.get(name), "the page has no such field"));
  }
  onIgnored(ignored);
  return assign(found);
}

const told = (name, text, words) => `“${name}=${text.length > 40 ? `${text.slice(0, 40)}…` : text}”: ${words}.`;

/** Reset a field to its default if the value from the address does not fit, and say why. */
export function ignore(name, words) {
  ignored.push(told(name, state[name], words));
  state[name] = defaults[name];
  given.delete(name);
  onIgnored(ignored);
}

/** Whether a field is as the address gave it, and not its default. */
export const isGiven = (name) => given.has(name) && state[name] !== defaults[name];

function forget() { given = new Set(); ignored = []; onIgnored(ignored); }

addEventListener("popstate", () => {
  if (!cast) return;
  const changed = readAddress();
  if (changed.size) listeners.forEach((listener) => listener(changed));
});

/** Whether the viewer still has to predict. */
export const isHidden = () => state.predict === "1" && state.guess === "";

/** The forced tokens as the server takes them. */
export const forced = () => tokensOf(state.forced);

function tokensOf(text) {
  return text.split("_").filter(Boolean).map((each) => {
    const [at, token, rest] = each.split(".");
    return { at: Number(at), token: Number(token), keeps_rest: rest === "k" };
  });
}

/** The state's forced tokens with one more. */
export function withForced(at, token, keepsRest) {
  const more = `${at}.${token}.${keepsRest ? "k" : "e"}`;
  return state.forced ? `${state.forced}_${more}` : more;
}

export function withoutLastForced() {
  return state.forced.split("_").slice(0, -1).join("_");
}
