// The second panel: the distributions at one place, their difference, another token there.
import { ask, newest } from "./api.js";
import { offerTable } from "./copying.js";
import { barRow, byId, el, fillSelect, moveByArrows, percent, replace, roleOf, setStop, shareOf, showFault, signed, tokenNode, tokenText, typedText, visibleText } from "./dom.js";
import { change, isHidden, state, withForced } from "./state.js";
import { currentAnswer, currentText } from "./text.js";

const latest = newest();
const latestTyped = newest();
let answer = null;
let cast = null;

export function startPosition(found) {
  cast = found;
  const slider = byId("temperature");
  slider.addEventListener("input", () => change({ T: String(Number((2 ** slider.value).toFixed(4))) }));
  byId("predict").addEventListener("change", (event) => change({ predict: event.target.checked ? "1" : "", guess: "" }));
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  byId("from").addEventListener("change", (event) => change({ from: event.target.value }));
  byId("to").addEventListener("change", (event) => change({ to: event.target.value }));
  byId("force").addEventListener("submit", (event) => {
    event.preventDefault();
    force(answer.at, event.submitter?.value === "rest");
  });
  moveByArrows(byId("bars"), ".rows", { isDown: true, stopOf: (button) => button.closest(".rows") });
  offerTable("position", table);
}

/** Put the token that was typed at a place, or else the chosen one. */
async function force(at, keepsRest) {
  const typed = byId("force-text").value;
  const put = (token) => {
    byId("force-text").value = "";
    showFault("position-fault", null);
    change({ forced: withForced(at, token, keepsRest), guess: "", wrote: "", step: "" }, { push: true });
  };
  if (!typed) { put(byId("force-token").value); return; }
  await latestTyped(ask("token", { group: Number(state.g), text: typedText(typed) }), ({ id }) => put(id),
    (error) => showFault("position-fault", error));
}

function step(by) {
  const found = currentAnswer();
  if (!found) return;
  const last = found.tokens.length - (found.may_continue ? 0 : 1);
  const at = Math.max(found.first, Math.min(last, Number(state.at) + by));
  change({ at: String(at), guess: "" });
}

/** Ask for the place's distributions, and show them. */
export async function readPosition() {
  byId("temperature").value = String(Math.log2(Number(state.T)));
  const inWords = `T = ${Number(Number(state.T).toFixed(2))}`;
  byId("temperature-value").textContent = inWords;
  byId("temperature").setAttribute("aria-valuetext", inWords); // the slider’s own value is log2 T
  byId("predict").checked = state.predict === "1";
  if (!currentAnswer()) { answer = null; drawPosition(); return; }
  const body = { ...currentText(), at: Number(state.at), temperature: Number(state.T), guess: state.guess === "" ? null : Number(state.guess) };
  await latest(ask("position", body), (found) => {
    answer = found;
    showFault("position-fault", null);
    drawPosition();
  }, (error) => {
    answer = null;
    showFault("position-fault", error);
    drawPosition();
  });
}

export function drawPosition() {
  const hidden = isHidden();
  byId("bars").hidden = hidden || !answer;
  byId("difference-box").hidden = hidden || !answer || answer.bars.length < 2;
  byId("force").hidden = hidden || !answer;
  byId("guess").hidden = state.predict !== "1" || !answer;
  byId("context").hidden = !answer;
  byId("scale").hidden = hidden || !answer;
  if (!answer) return;
  drawContext();
  drawGuess();
  if (hidden) return;
  const largest = Math.max(...answer.bars.flatMap((bars) => bars.probabilities));
  byId("scale").textContent = `A full bar is ${percent(largest)}, in every list; the scale changes with the temperature.`;
  replace(byId("bars"), answer.bars.map((bars) => card(bars, largest)));
  drawForce();
  drawDifference();
}

function drawContext() {
  const hint = isHidden() ? " ?" : answer.own ? el("mark", {}, tokenNode(answer.own)) : " …";
  replace(byId("context"), visibleText(answer.before).trimStart() || "(the start of a text)", hint);
}

function card(bars, largest) {
  const size = cast.groups[Number(state.g)].vocabulary.toLocaleString("en");
  const rank = bars.rank ? `; the text’s token: rank ${bars.rank.toLocaleString("en")} of ${size}` : "";
  return el("div", { className: "card", "data-bars": bars.model },
    el("h3", {}, bars.model, " ", roleOf(bars)),
    el("p", { className: "figures" }, `entropy ${bars.entropy.toFixed(2)} nats${rank}`),
    el("ul", { className: "rows" },
      answer.rows.map((token, row) => el("li", {}, tokenRow(token, bars.probabilities[row], largest))),
      el("li", {}, barRow({ label: el("span", { className: "token" }, "all others"), share: null, number: percent(bars.rest), className: "rest", "data-p": bars.rest }))));
}

function tokenRow(token, p, largest) {
  const isOwn = token.id === answer.own?.id;
  const isGuess = String(token.id) === state.guess;
  return barRow({
    label: tokenNode(token), share: shareOf(p, largest), number: percent(p),
    className: isOwn ? "own" : "", "data-token": token.id, "data-p": p,
    "aria-pressed": String(byId("force-token").value === String(token.id)),
    "aria-label": `${tokenText(token)}, ${percent(p)}${isOwn ? ", the text’s token" : ""}${isGuess ? ", your prediction" : ""}`,
    onclick: () => { byId("force-token").value = String(token.id); markForced(); },
  });
}

function drawForce() {
  const select = byId("force-token");
  const options = answer.rows.map((token) => [String(token.id), tokenText(token) + (token.id === answer.own?.id ? " (the text’s)" : "")]);
  const other = answer.rows.find((token) => token.id !== answer.own?.id);
  fillSelect(select, options, String(other?.id));
  select.onchange = markForced;
  byId("force").querySelector("[value=rest]").hidden = !answer.own;
  markForced();
}

function markForced() {
  const chosen = byId("force-token").value;
  for (const row of byId("bars").querySelectorAll("button.row")) {
    row.setAttribute("aria-pressed", String(row.dataset.token === chosen));
  }
  for (const list of byId("bars").querySelectorAll(".rows")) {
    if (!list.contains(document.activeElement)) setStop(list, list.querySelector("[aria-pressed=true]") ?? list.querySelector("button"));
  }
}

function drawGuess() {
  if (state.predict !== "1") return;
  if (isHidden()) {
    const choices = [...answer.rows].sort((a, b) => (a.text < b.text ? -1 : 1));
    replace(byId("guess"), el("p", {}, "Which token comes next? The bars appear once you have chosen."),
      el("div", { className: "choices" }, choices.map((token) => el("button", { type: "button", "data-choice": token.id, "aria-label": tokenText(token), onclick: () => change({ guess: String(token.id) }) }, tokenNode(token)))),
      typing());
    return;
  }
  // The answer may still be the one to the question before.
  if (String(answer.guess?.id) !== state.guess) { replace(byId("guess"), ""); return; }
  const row = answer.rows.findIndex((token) => token.id === answer.guess.id);
  const verdict = answer.bars.map((bars) => `${bars.model} ranks it ${ordinal(bars.guess_rank)} (${percent(bars.probabilities[row])})`);
  replace(byId("guess"), el("p", {}, "You predicted ", tokenNode(answer.guess), `: ${verdict.join(", ")}. `,
    answer.own ? ["The text has ", tokenNode(answer.own), ". "] : "",
    el("button", { type: "button", onclick: () => change({ guess: "" }) }, "Predict again")));
}

/** A field for any other word or token. */
function typing() {
  const word = el("input", { type: "text", id: "guess-text", size: 12, maxLength: 200, spellcheck: false, required: true, "aria-describedby": "guess-hint" });
  const form = el("form", { id: "guess-form", className: "controls" },
    el("label", { className: "together" }, "or another word ", word), el("button", { type: "submit" }, "Predict it"),
    el("span", { className: "hint", id: "guess-hint" }, "A word of several tokens counts by its first."));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const body = { group: Number(state.g), text: typedText(word.value), begins: true };
    latestTyped(ask("token", body), ({ id }) => change({ guess: String(id) }), (error) => showFault("position-fault", error));
  });
  return form;
}

function ordinal(number) {
  const isTeen = number % 100 > 10 && number % 100 < 14;
  return number.toLocaleString("en") + ((isTeen ? "" : { 1: "st", 2: "nd", 3: "rd" }[number % 10]) || "th");
}

function drawDifference() {
  const names = answer.bars.map((bars) => [bars.model, bars.model]);
  const last = names.length - 1;
  fillSelect(byId("from"), names, state.from || names[Math.max(0, last - 1)][0]);
  fillSelect(byId("to"), names, state.to || names[last][0]);
  const [from, to] = ["from", "to"].map((id) => answer.bars.find((bars) => bars.model === byId(id).value));
  const differences = answer.rows.map((token, row) => [token, to.probabilities[row] - from.probabilities[row]]);
  const largest = Math.max(1e-9, Math.abs(to.rest - from.rest), ...differences.map(([, d]) => Math.abs(d)));
  const row = (label, d, more) => el("li", {}, barRow({
    label, share: (100 * Math.abs(d)) / largest, less: d < 0, number: `${signed(100 * d, 1)} pp`, "data-difference": d, ...more }));
  replace(byId("difference"),
    el("p", { className: "small" }, `To the right: tokens that ${to.model} finds likelier than ${from.model}, in percentage points. To the left, striped: less likely. A full half is ${(100 * largest).toFixed(1)} points.`),
    el("ul", { className: "rows differences" },
      differences.map(([token, d]) => row(tokenNode(token), d, { className: token.id === answer.own?.id ? "own" : "" })),
      row(el("span", { className: "token" }, "all others"), to.rest - from.rest, { className: "rest" })));
}

function table() {
  const rows = [["model", "role", "place", "temperature", "token_id", "token", "probability"]];
  if (!answer || isHidden()) return rows;
  for (const bars of answer.bars) {
    answer.rows.forEach((token, row) => rows.push([bars.model, bars.role, answer.at, answer.temperature, token.id, token.text, bars.probabilities[row]]));
    rows.push([bars.model, bars.role, answer.at, answer.temperature, null, "all others", bars.rest]);
  }
  return rows;
}
