// What is shown, kept in the address's fragment: a link shows the same.

const DEFAULTS = {
  text: "The children saw the dog and the",
  forced: "", // places where the viewer put another token: at.token.k (keeps the rest) or .e (ends), joined by _
  g: "0", // the group of models
  at: "", // the place that is looked at
  T: "1", // temperature of its distributions
  from: "", to: "", // models of the difference
  predict: "", // 1: predict first
  guess: "", // the token that the viewer predicted
  student: "",
  seed: "0", wT: "1", n: "30", wrote: "", // what is written next; wrote: 1 once it was asked for
  first: "", second: "", // the pair
  run: "", bench: "", right: "", wrong: "", uid: "", words: "", start: "0",
};

export const state = { ...DEFAULTS };
const listeners = [];

/** Call `listener(changed)` with the names of the fields that have changed. */
export function onChange(listener) { listeners.push(listener); }

/** Change fields; `push` makes the browser's Back button undo it. */
export function change(fields, { push = false } = {}) {
  const changed = assign(fields);
  if (!changed.size) return;
  const address = "#" + fragment();
  if (push) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
  listeners.forEach((listener) => listener(changed));
}

/** Look at a place that nobody has chosen: it is not in the address. */
export function choosePlace(at) { state.at = String(at); }

function assign(fields) {
  const changed = new Set();
  for (const [name, value] of Object.entries(fields)) {
    const text = String(value ?? "");
    if (name in DEFAULTS && state[name] !== text) { state[name] = text; changed.add(name); }
  }
  return changed;
}

function fragment() {
  const shown = Object.entries(state).filter(([name, value]) => value !== DEFAULTS[name]);
  return new URLSearchParams(shown).toString();
}

/** Read the address, at the start and after Back. */
export function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  return assign({ ...DEFAULTS, ...Object.fromEntries(given) });
}

addEventListener("popstate", () => {
  const changed = readAddress();
  if (changed.size) listeners.forEach((listener) => listener(changed));
});

/** The forced tokens as the server takes them. */
export function forced() {
  return state.forced.split("_").filter(Boolean).map((each) => {
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
