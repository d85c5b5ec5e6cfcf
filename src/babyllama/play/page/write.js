// The fourth panel: what every model writes next, from the same random numbers.
import { stream } from "./api.js";
import { offerTable } from "./copying.js";
import { byId, counted, el, replace, showFault, tokenNode, tokenText, visibleText } from "./dom.js";
import { change, state } from "./state.js";
import { currentAnswer, currentText } from "./text.js";

const ENDS = { eos: "the model ended the text", positions: "no positions are left", length: "as many tokens as asked for" };
let cast = null;
let lines = {}; // of each model: { tokens, end }
let shown = Infinity; // how many tokens of each are shown: those of `state.step`, if it says a number
let stopping = null;
let isWriting = false;

export function startWriting(found) {
  cast = found;
  byId("write-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const step = event.submitter?.value === "step" ? "1" : "";
    const wanted = { seed: byId("seed").value, wT: byId("write-temperature").value, n: byId("tokens").value };
    change({ ...wanted, wrote: "1", step });
    write();
  });
  byId("write-next").addEventListener("click", () => {
    change({ step: String(Number(state.step) + 1) });
    shown = Number(state.step);
    draw();
    say(stepInWords());
  });
  byId("write-stop").addEventListener("click", () => stopping?.abort());
  offerTable("write", table);
}

/** Show the fields of the address; write again if the address says so, else forget what was written. */
export function readWriting() {
  byId("seed").value = state.seed;
  byId("write-temperature").value = state.wT;
  byId("tokens").value = state.n;
  stopping?.abort();
  lines = {};
  showFault("write-fault", null);
  if (state.wrote === "1" && currentAnswer()) write();
  else draw();
}

async function write() {
  stopping?.abort();
  shown = state.step ? Number(state.step) : Infinity;
  const own = new AbortController();
  stopping = own;
  lines = Object.fromEntries(cast.groups[Number(state.g)].models.map(({ name }) => [name, { tokens: [], end: "" }]));
  isWriting = true;
  showFault("write-fault", null);
  draw();
  const body = { ...currentText(), seed: Number(state.seed), temperature: Number(state.wT), tokens: Number(state.n) };
  let isFault = false;
  try {
    await stream("write", body, (event) => {
      if (stopping !== own) return;
      const line = lines[event.model];
      if (event.token) line.tokens.push(event.token);
      if (event.end) line.end = event.end;
      draw();
    }, own.signal);
  } catch (error) {
    if (stopping !== own) return;
    isFault = error.name !== "AbortError";
    if (isFault) showFault("write-fault", error);
    const hasBegun = Object.values(lines).some(({ tokens }) => tokens.length);
    if (isFault && !hasBegun) lines = {};
    Object.values(lines).forEach((line) => { line.end ||= "stopped"; });
  }
  if (stopping !== own) return;
  isWriting = false;
  draw();
  if (!isFault) say(state.step ? stepInWords() : `${counted(Object.keys(lines).length, "model")} have written`);
}

/** Say it to a screen reader: at the end, not at every token. */
function say(text) { byId("write-said").textContent = text; }

function stepInWords() {
  const each = Object.entries(lines).map(([name, { tokens }]) => `${name}: ${tokens[shown - 1] ? tokenText(tokens[shown - 1]) : "ended"}`);
  return `Token ${shown}. ${each.join(", ")}`;
}

function draw() {
  const found = Object.entries(lines);
  const longest = Math.max(0, ...found.map(([, line]) => line.tokens.length));
  byId("write-next").hidden = !found.length || shown >= longest;
  byId("write-stop").hidden = !isWriting;
  const [firstName, first] = found[0] ?? [];
  const isCompared = found.length > 1 && longest > 0;
  replace(byId("written"),
    isCompared ? el("p", { className: "small" }, `Bold and underlined: where a model writes another token than ${firstName} at the same step, or goes on after ${firstName} has ended.`) : "",
    found.map(([name, line]) => el("div", { className: "line", "data-written": name },
      el("span", { className: "name" }, name), " ",
      el("span", { className: "role" }, ending(line)),
      el("div", { className: "text" }, visibleText(tail((currentAnswer()?.text ?? "").trimStart())),
        el("span", { className: "new" }, line.tokens.slice(0, shown).map((token, at) => writtenToken(token, at, first)))))));
}

/** A token as it is written, marked where the first model did not write it; lines may break before its spaces. */
function writtenToken(token, at, first) {
  const node = tokenNode(token);
  node.dataset.token = token.id;
  for (const sign of node.querySelectorAll("i")) {
    if (sign.textContent === "␣") sign.before(document.createElement("wbr"));
    if (sign.textContent === "⏎") sign.after(document.createElement("wbr"));
  }
  const other = first.tokens[at];
  if (other ? other.id !== token.id : first.end) {
    node.classList.add("differs");
    node.title = other ? "the first model wrote another token here" : "the first model had ended here";
  }
  return node;
}

function ending(line) {
  if (line.tokens.length > shown) return counted(shown, "token");
  return `${counted(line.tokens.length, "token")}${line.end ? `; ${ENDS[line.end] ?? line.end}` : " …"}`;
}

const tail = (text) => (text.length > 120 ? `…${text.slice(-120)}` : text);

function table() {
  const rows = [["model", "seed", "temperature", "step", "token_id", "token"]];
  for (const [name, line] of Object.entries(lines)) {
    line.tokens.slice(0, shown).forEach((token, step) => rows.push([name, state.seed, state.wT, step + 1, token.id, token.text]));
  }
  return rows;
}
