// The first panel: a text, token by token, under every model.
import { ask, newest } from "./api.js";
import { offerTable } from "./copying.js";
import { byId, counted, el, moveByArrows, nats, replace, roleOf, setStop, shortNats, showFault, tokenNode, tokenText, visibleText } from "./dom.js";
import { change, choosePlace, forced, ignore, isGiven, isHidden, state, withoutLastForced } from "./state.js";

const NATS_AT_FULL_SHADE = 12;
const KL_AT_FULL_SHADE = 2;
const latest = newest();
let answers = [];
let cast = null;
let worstLists = []; // of each strip: where its least expected tokens are named
const boxes = new WeakMap(); // of each box of a token: what it shows

/** The answer for the group that is looked at; null before there is one. */
export const currentAnswer = () => answers[Number(state.g)] ?? null;
/** The text as it is read, with forced tokens. */
export const currentText = () => ({ group: Number(state.g), text: state.text, forced: forced() });

export function startText(found, onRead) {
  cast = found;
  byId("text-form").addEventListener("submit", (event) => {
    event.preventDefault();
    change({ text: byId("text").value, forced: "", at: "", guess: "", wrote: "", step: "" }, { push: true });
  });
  byId("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); byId("text-form").requestSubmit(); }
  });
  for (const swatch of document.querySelectorAll(".swatch")) {
    swatch.style.setProperty("--share", String((100 * swatch.dataset.nats) / NATS_AT_FULL_SHADE));
  }
  moveByArrows(byId("strips"), ".chips", { isDown: false, stopOf: () => byId("strips") });
  offerTable("text", table);
  return () => readText(onRead);
}

async function readText(onRead) {
  byId("text").value = state.text;
  await latest(readGroups(), (found) => {
    answers = found;
    showFault("text-fault", null);
    if (!validPlace()) {
      if (isGiven("at")) ignore("at", "this text has no such place");
      choosePlace(middle(currentAnswer()));
    }
    draw();
    byId("read").textContent = `${counted(currentAnswer().strips[0].surprisals.length, "token")} read`;
    onRead();
  }, (error) => {
    if (isGiven("forced")) {
      ignore("forced", error.message.split("\n")[0]);
      readText(onRead);
      return;
    }
    answers = [];
    showFault("text-fault", error);
    replace(byId("strips"));
    byId("branch").hidden = true;
    onRead();
  });
}

/** Read the group that is looked at first: with forced tokens, the others read the text that results. */
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

/** Where to look at first: the place that surprised the last model most, but not the first one, where no model knows much. */
function middle(answer) {
  const [start, ...later] = answer.strips.at(-1).surprisals;
  if (start === undefined) return answer.tokens.length;
  return later.length ? answer.first + 1 + later.indexOf(Math.max(...later)) : answer.first;
}

function draw() {
  worstLists = [];
  replace(byId("strips"), answers.map((answer, group) => el("div", { "data-group": group }, groupParts(answer, group))));
  drawMarks();
  drawParts();
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

/** That some tokens are parts of characters, and of which. */
function drawParts() {
  const parts = answers.flatMap((answer) => answer.tokens).filter((token) => token.kind === "part");
  byId("parts").hidden = !parts.length;
  if (!parts.length) return;
  const whole = [...new Set(answers.flatMap(({ tokens }) => charactersOf(tokens)))].slice(0, 4);
  const bytes = (character) => [...new TextEncoder().encode(character)].map((each) => each.toString(16).toUpperCase()).join(" ");
  replace(byId("parts"), tokenNode(parts[0]), " is a part of a character that this vocabulary has no token for: a computer writes a character as one to four bytes. ",
    whole.length ? `Here: ${whole.map((each) => `${visibleText(each)} is ${bytes(each)}`).join("; ")}.` : "");
}

/** The characters that tokens of bytes in a row make. */
function charactersOf(tokens) {
  const runs = [[]];
  for (const { kind, text } of tokens) {
    if (kind === "part") runs.at(-1).push(...(text.match(/\b[0-9A-F]{2}\b/g) ?? []));
    else runs.push([]);
  }
  return runs.flatMap((run) => [...new TextDecoder().decode(new Uint8Array(run.map((each) => parseInt(each, 16))))])
    .filter((character) => character > "\u007f" && character !== "\ufffd");
}

function groupParts(answer, group) {
  const models = cast.groups[group];
  const parts = [];
  if (cast.groups.length > 1) {
    parts.push(el("h3", {}, `A vocabulary of ${counted(models.vocabulary, "token")}: ${models.models.map((each) => each.name).join(", ")}`));
  }
  if (answer.cut) {
    parts.push(el("p", { className: "fault" },
      `The text is longer than the ${counted(answer.positions, "position")} of the models: its end, ${counted(answer.cut, "token")}, is left out.`));
  }
  parts.push(...answer.strips.map((strip) => surprisalStrip(answer, strip, group)));
  const compared = answer.strips.filter((strip) => strip.kl);
  if (compared.length) {
    const ensembles = answer.strips.filter(({ role }) => role === "ensemble");
    const isTheOnlyOne = ensembles.length === 1 && ensembles[0].model === answer.reference;
    const who = isTheOnlyOne ? "the ensemble" : answer.reference;
    parts.push(el("details", { open: true, className: "kls" },
      el("summary", {}, `How far each model is from ${who}`),
      el("p", { className: "says" }, `KL from ${who}, in nats: 0 if the model predicts the same. The shade is full at ${KL_AT_FULL_SHADE}.`),
      compared.map((strip) => klStrip(answer, strip, group))));
  }
  return parts;
}

function surprisalStrip(answer, strip, group) {
  const figures = el("span", { className: "figures" },
    "total ", el("b", { "data-total": strip.model }, nats(strip.total)), " nats, ",
    el("b", {}, nats(strip.per_token)), " a token");
  const worst = el("span", {});
  worstLists.push({ worst, answer, strip, group });
  figures.append(worst);
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
    const chip = el("button", { type: "button", tabIndex: -1, "data-at": at, "data-group": group, "data-value": value, onclick: () => look(group, at) });
    boxes.set(chip, { token, value, full, className: worst.includes(at) ? `${className} worst` : className });
    fill(chip, false);
    return chip;
  });
}

/** Show a token and its number in its box, or neither while the viewer predicts it. */
function fill(chip, isSecret) {
  const { token, value, full, className } = boxes.get(chip);
  const kind = className.includes("kl") ? "KL" : "surprisal";
  chip.className = isSecret ? "chip secret" : className;
  chip.style.setProperty("--share", String(isSecret ? 0 : Math.min(100, (100 * value) / full)));
  chip.setAttribute("aria-label", isSecret ? "the token that you predict" : `${tokenText(token)}, ${kind} ${shortNats(value)} nats`);
  replace(chip, isSecret ? [el("span", { className: "token" }, "?"), el("span", { className: "value" }, "?")]
    : [tokenNode(token), el("span", { className: "value" }, shortNats(value))]);
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
  if (String(group) !== state.g) change({ ...ofGroup(group), at }, { push: true });
  else change({ at, guess: "" });
}

/** What changes with the group that is looked at: places, tokens and models are its own. */
export function ofGroup(group) {
  if (String(group) === state.g) return {};
  const text = state.forced ? currentAnswer()?.text ?? state.text : state.text;
  return { g: group, at: "", guess: "", from: "", to: "", student: "", forced: "", text };
}

function drawBranch() {
  const place = byId("branch");
  const changed = forced();
  place.hidden = !changed.length;
  if (!changed.length) return;
  const words = changed.length === 1 ? "One token is" : `${changed.length} tokens are`;
  replace(place, `A branch: ${words} not the text’s own. It now reads: `,
    el("span", { className: "token" }, visibleText(currentAnswer().text)), " ",
    el("button", { type: "button", id: "undo", onclick: () => change({ forced: withoutLastForced(), guess: "" }, { push: true }) }, "Undo the last"));
}

/** Mark the place that is looked at; hide its token while the viewer predicts it. */
export function mark() {
  const strips = byId("strips");
  let first = null;
  for (const chip of strips.querySelectorAll("button[data-at]")) {
    const isHere = chip.dataset.at === state.at && chip.dataset.group === state.g;
    chip.setAttribute("aria-pressed", String(isHere));
    if (isHere && !first) first = chip;
    const isSecret = isHere && isHidden() && boxes.has(chip);
    if (isSecret !== chip.classList.contains("secret")) fill(chip, isSecret);
  }
  // Models of another vocabulary have read the same text, in other pieces.
  for (const part of strips.children) part.hidden = isHidden() && part.dataset.group !== state.g;
  worstLists.forEach(nameWorst);
  if (!strips.contains(document.activeElement)) setStop(strips, first ?? strips.querySelector("button[data-at]"));
}

const isSecretPlace = (group, at) => isHidden() && String(group) === state.g && String(at) === state.at;

function nameWorst({ worst, answer, strip, group }) {
  const shown = strip.worst.filter((at) => !isSecretPlace(group, at));
  replace(worst, shown.length ? "; least expected: " : "",
    ...shown.flatMap((at, number) => [number ? ", " : "", tokenNode(answer.tokens[at])]));
}

function table() {
  const rows = [["model", "role", "place", "token_id", "token", "surprisal_nats", "kl_nats", "kl_from"]];
  for (const [group, answer] of answers.entries()) {
    if (isHidden() && String(group) !== state.g) continue;
    for (const strip of answer.strips) {
      strip.surprisals.forEach((value, index) => {
        const at = answer.first + index;
        const token = answer.tokens[at];
        if (isSecretPlace(group, at)) return;
        rows.push([strip.model, strip.role, at, token.id, token.text, value, strip.kl?.[index], strip.kl ? answer.reference : ""]);
      });
    }
  }
  return rows;
}
