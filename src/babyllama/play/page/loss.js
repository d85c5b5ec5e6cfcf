// The third panel: the targets of a student's loss at one place, and the student over training.
import { ask, newest } from "./api.js";
import { offerTable } from "./copying.js";
import { barRow, byId, el, fillSelect, nats, percent, replace, shareOf, showFault, tokenNode } from "./dom.js";
import { change, isHidden, state } from "./state.js";
import { currentAnswer, currentText } from "./text.js";

const latest = newest();
let cast = null;
let answer = null;

export function startLoss(found) {
  cast = found;
  byId("student").addEventListener("change", (event) => change({ student: event.target.value }));
  offerTable("loss", table);
}

const lessons = () => cast.lessons.filter((lesson) => lesson.group === Number(state.g));

export async function readLoss() {
  const own = lessons();
  answer = null;
  fillSelect(byId("student"), own.map(({ student }) => [student, student]), state.student || own[0]?.student);
  showFault("loss-fault", null);
  if (!own.length) {
    say(cast.lessons.length
      ? "The students on this page have another vocabulary: choose a token of theirs above."
      : "No student here was distilled from teachers that are on this page. Give a run: babyllama play runs/NAME");
    return;
  }
  const text = currentAnswer();
  if (!text) { say(""); return; }
  if (isHidden()) { say("Predict first: this panel would give the answer away."); return; }
  if (Number(state.at) >= text.tokens.length) {
    say("The text ends here, so there is no target. Choose one of its tokens.");
    return;
  }
  const body = { ...currentText(), at: Number(state.at), student: byId("student").value };
  await latest(ask("loss", body), (found) => { answer = found; draw(); }, (error) => { showFault("loss-fault", error); say(""); });
}

function say(text) { replace(byId("loss"), text ? el("p", { className: "small" }, text) : ""); }

function draw() {
  const largest = Math.max(...answer.columns.filter((column) => column.kind !== "text").flatMap((column) => column.probabilities));
  replace(byId("loss"),
    el("p", {}, "The text’s token is ", tokenNode(answer.own), `. Every column is a distribution over the same tokens, all on one scale: a full bar is ${percent(largest)}. What has no bar has its number only.`),
    answer.notes.map((note) => el("p", { className: "small note" }, note)),
    el("div", { className: "cards" }, answer.columns.map((column) => card(column, largest))),
    formula(), terms());
}

/** The text’s target and the sum of all others would leave the scale, or make the other bars too short to see. */
function card(column, largest) {
  const isText = column.kind === "text";
  const rows = answer.rows.map((token, row) => [tokenNode(token), column.probabilities[row], token.id === answer.own.id ? "own" : "", !isText]);
  rows.push([el("span", { className: "token" }, "all others"), column.rest, "rest", false]);
  return el("div", { className: "card", "data-column": column.title },
    el("h3", {}, column.title), el("span", {}),
    el("ul", { className: "rows" }, rows.map(([label, p, className, hasBar]) =>
      el("li", {}, barRow({ label, share: hasBar ? shareOf(p, largest) : null, number: percent(p), className, "data-p": p })))));
}

function formula() {
  const { alpha, temperature: T } = answer;
  const weight = ((1 - alpha) * T * T).toFixed(2).replace(/\.?0+$/, "");
  const how = answer.reduction === "window_sum"
    ? `This run sums KL over the ${answer.window} tokens of a window where CE is averaged (window_sum), so there KL weighs ${answer.window} times as much as in this table.`
    : "Both terms are averaged over the tokens (token_mean).";
  return el("p", { className: "formula" },
    `Loss here = α × CE + (1 − α) × T² × KL = ${alpha} × CE + ${weight} × KL, with α = ${alpha} and T = ${T}. CE is the surprisal of the text’s token; KL compares the softened teachers with the softened student. ${how}`);
}

function terms() {
  return el("div", { className: "scroll" }, el("table", {},
    el("caption", {}, `${answer.student} at this place, in nats`),
    el("thead", {}, el("tr", {}, ["moment", "CE", "KL", "loss"].map((name, column) => el("th", { scope: "col", className: column ? "number" : "" }, name)))),
    el("tbody", {}, answer.terms.map((each) => el("tr", { "data-moment": each.title },
      el("th", { scope: "row" }, each.title),
      [each.cross_entropy, each.kl, each.loss].map((value) => el("td", { className: "number", "data-value": value }, nats(value))))))));
}

function table() {
  const rows = [["student", "place", "distribution", "token_id", "token", "probability"]];
  if (!answer) return rows;
  for (const column of answer.columns) {
    answer.rows.forEach((token, row) => rows.push([answer.student, state.at, column.title, token.id, token.text, column.probabilities[row]]));
    rows.push([answer.student, state.at, column.title, null, "all others", column.rest]);
  }
  return rows;
}
