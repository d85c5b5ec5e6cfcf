// The first panel: a text, token by token, under every model.
import { ask, newest } from "./api.js";
import { offerTable } from "./copying.js";
import { byId, el, moveByArrows, nats, replace, roleOf, setStop, showFault, tokenNode, tokenText } from "./dom.js";
import { change, choosePlace, forced, state, withoutLastForced } from "./state.js";

const NATS_AT_FULL_SHADE = 12;
const KL_AT_FULL_SHADE = 2;
const latest = newest();
let answers = [];
let cast = null;

/** The answer for the group that is looked at; null before there is one. */
export const currentAnswer = () => answers[Number(state.g)] ?? null;
/** The text as it is read, with forced tokens. */
export const currentText = () => ({ group: Number(state.g), text: state.text, forced: forced() });

export function startText(found, onRead) {
  cast = found;
  byId("text-form").addEventListener("submit", (event) => {
    event.preventDefault();
    change({ text: byId("text").value, forced: "", at: "", guess: "", wrote: "" }, { push: true });
  });
  byId("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); byId("text-form").requestSubmit(); }
  });
  for (const swatch of document.querySelectorAll(".swatch")) {
    swatch.style.setProperty("--share", String((100 * swatch.dataset.nats) / NATS_AT_FULL_SHADE));
  }
  moveByArrows(byId("strips"), ".chips");
  offerTable("text", table);
  return () => readText(onRead);
}

async function readText(onRead) {
  byId("text").value = state.text;
  await latest(readGroups(), (found) => {
    answers = found;
    showFault("text-fault", null);
    if (!validPlace()) choosePlace(middle(currentAnswer()));
    draw();
    onRead();
  }, (error) => {
    answers = [];
    showFault("text-fault", error);
    replace(byId("strips"));
    byId("branch").hidden = true;
    onRead();
  });
}

/** The group that is looked at first: the others may read the text that it makes of forced tokens. */
async function readGroups() {
  const own = Math.min(Number(state.g) || 0, cast.groups.length - 1);
  const found = [];
  found[own] = await ask("text", { group: own, text: state.text, forced: forced() });
  for (let group = 0; group < cast.groups.length; group += 1) {
    if (group === own) continue;
    const text = state.forced ? found[own].text : state.text;
    found[group] = await ask("text", { group, text, forced: [] });
  }
  return found;
}

function validPlace() {
  const answer = currentAnswer();
  const at = Number(state.at);
  const last = answer.tokens.length - (answer.may_continue ? 0 : 1);
  return state.at !== "" && at >= answer.first && at <= last;
}

/** Where to look at first: the place that surprised the last model most. */
function middle(answer) {
  return answer.strips[answer.strips.length - 1].worst[0] ?? answer.tokens.length;
}

function draw() {
  const parts = answers.flatMap((answer, group) => groupParts(answer, group));
  replace(byId("strips"), parts);
  drawMarks();
  drawBranch();
  mark();
}

/** What the control tokens are that begin lines and end documents. */
function drawMarks() {
  const marks = cast.groups[Number(state.g)].marks;
  byId("marks").hidden = !marks;
  if (!marks) return;
  const name = (text) => tokenNode({ text, kind: "special" });
  const says = [name(marks.line), " stands before every line of the training text: where a model expects it, it expects the line to end. "];
  const end = marks.line === marks.document ? "It also ends every document." : [name(marks.document), " ends a document."];
  replace(byId("marks"), [...says, end].flat());
}

function groupParts(answer, group) {
  const models = cast.groups[group];
  const parts = [];
  if (cast.groups.length > 1) {
    parts.push(el("h3", {}, `A vocabulary of ${models.vocabulary} tokens: ${models.models.map((each) => each.name).join(", ")}`));
  }
  if (answer.cut) {
    parts.push(el("p", { className: "fault" },
      `The text is longer than the ${answer.positions} positions of the models: its last ${answer.cut} tokens are left out.`));
  }
  parts.push(...answer.strips.map((strip) => surprisalStrip(answer, strip, group)));
  const compared = answer.strips.filter((strip) => strip.kl);
  if (compared.length) {
    const isEnsemble = answer.strips.some((strip) => strip.model === answer.reference && strip.role === "ensemble");
    const who = isEnsemble ? "the ensemble" : answer.reference;
    parts.push(el("details", { open: true, className: "kls" },
      el("summary", {}, `How far each model is from ${who}`),
      el("p", { className: "says" }, `KL in nats: what ${who} would lose at this place, on average over its own predictions, if it predicted as the model does. 0 is no difference; the shade is full at ${KL_AT_FULL_SHADE}.`),
      compared.map((strip) => klStrip(answer, strip, group))));
  }
  return parts;
}

function surprisalStrip(answer, strip, group) {
  const figures = el("span", { className: "figures" },
    "total ", el("b", { "data-total": strip.model }, nats(strip.total)), " nats, ",
    el("b", {}, nats(strip.per_token)), " a token");
  if (strip.worst.length) {
    figures.append("; least expected: ");
    strip.worst.forEach((at, number) => figures.append(number ? ", " : "", tokenNode(answer.tokens[at])));
  }
  return el("div", { className: "strip", "data-strip": strip.model },
    el("div", { className: "strip-head" },
      el("span", { className: "name" }, strip.model), roleOf(strip), figures),
    el("div", { className: "chips", role: "group", "aria-label": `surprisal under ${strip.model}` },
      chips(answer, group, strip.surprisals, NATS_AT_FULL_SHADE, "chip", strip.worst),
      nextChip(answer, group)));
}

function klStrip(answer, strip, group) {
  const mean = strip.kl.reduce((sum, each) => sum + each, 0) / Math.max(1, strip.kl.length);
  return el("div", { className: "strip", "data-kl": strip.model },
    el("div", { className: "strip-head" }, el("span", { className: "name" }, strip.model),
      el("span", { className: "figures" }, "mean ", el("b", {}, nats(mean)), " nats")),
    el("div", { className: "chips", role: "group", "aria-label": `KL from ${answer.reference} to ${strip.model}` },
      chips(answer, group, strip.kl, KL_AT_FULL_SHADE, "chip kl", [])));
}

function chips(answer, group, values, full, className, worst) {
  return answer.tokens.map((token, at) => {
    const value = values[at - answer.first];
    if (value === undefined) {
      return el("button", { type: "button", className, disabled: true, title: "read, but not predicted: nothing is before it" }, tokenNode(token));
    }
    const kind = className.includes("kl") ? "KL" : "surprisal";
    return el("button", {
      type: "button", tabIndex: -1, "data-at": at, "data-group": group, "data-value": value,
      className: worst.includes(at) ? `${className} worst` : className,
      share: Math.min(100, (100 * value) / full),
      "aria-label": `${tokenText(token)}, ${kind} ${nats(value)} nats`,
      onclick: () => look(group, at),
    }, tokenNode(token), el("span", { className: "value" }, value.toFixed(1)));
  });
}

/** The place after the last token, where a model says what comes next. */
function nextChip(answer, group) {
  if (!answer.may_continue) return null;
  const at = answer.tokens.length;
  return el("button", { type: "button", className: "chip next", tabIndex: -1, "data-at": at, "data-group": group,
    "aria-label": "the place after the text", onclick: () => look(group, at) },
    el("span", { className: "token" }, "…"), el("span", { className: "value" }, "next"));
}

function look(group, at) {
  if (String(group) !== state.g) change({ g: group, at, guess: "", from: "", to: "", student: "", forced: "", text: state.forced ? answers[Number(state.g)].text : state.text }, { push: true });
  else change({ at, guess: "" });
}

function drawBranch() {
  const place = byId("branch");
  const changed = forced();
  place.hidden = !changed.length;
  if (!changed.length) return;
  const words = changed.length === 1 ? "One token is" : `${changed.length} tokens are`;
  replace(place, `A branch: ${words} not the text’s own. It now reads: `,
    el("span", { className: "token" }, currentAnswer().text), " ",
    el("button", { type: "button", id: "undo", onclick: () => change({ forced: withoutLastForced(), guess: "" }, { push: true }) }, "Undo the last"));
}

/** Mark the place that is looked at. */
export function mark() {
  const strips = byId("strips");
  let first = null;
  for (const chip of strips.querySelectorAll("button[data-at]")) {
    const isHere = chip.dataset.at === state.at && chip.dataset.group === state.g;
    chip.setAttribute("aria-pressed", String(isHere));
    if (isHere && !first) first = chip;
  }
  if (!strips.contains(document.activeElement)) setStop(strips, first ?? strips.querySelector("button[data-at]"));
}

function table() {
  const rows = [["model", "role", "place", "token_id", "token", "surprisal_nats", "kl_nats", "kl_from"]];
  for (const answer of answers) {
    for (const strip of answer.strips) {
      strip.surprisals.forEach((value, index) => {
        const at = answer.first + index;
        const token = answer.tokens[at];
        rows.push([strip.model, strip.role, at, token.id, token.text, value, strip.kl?.[index], strip.kl ? answer.reference : ""]);
      });
    }
  }
  return rows;
}
