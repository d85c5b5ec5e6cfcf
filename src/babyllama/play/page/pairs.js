// The fifth panel: two sentences, and the run's own pairs to choose from.
import { ask, newest } from "./api.js";
import { offerTable } from "./copying.js";
import { byId, el, fillSelect, replace, showFault, signed, tokenNode, visibleText } from "./dom.js";
import { change, ignore, isGiven, state } from "./state.js";
import { ofGroup } from "./text.js";

const latest = newest();
let cast = null;
let answer = null;

export function startPairs(found) {
  cast = found;
  byId("pair-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const [first, second] = ["first", "second"].map((id) => byId(id).value);
    if (isLacking(first, second)) byId(first ? "second" : "first").focus();
    else change({ first, second }, { push: true });
  });
  offerTable("pair", table);
  startBrowsing();
}

/** Whether one of the sentences is empty; says so. */
function isLacking(first, second) {
  const lacking = first ? (second ? "" : "The second sentence is empty") : second ? "The first sentence is empty" : "Both sentences are empty";
  showFault("pair-fault", lacking ? new Error(`${lacking}: type ${first || second ? "it" : "them"} to compare the two.`) : null);
  return lacking !== "";
}

export async function readPair() {
  byId("first").value = state.first;
  byId("second").value = state.second;
  answer = null;
  showFault("pair-fault", null);
  replace(byId("pair"));
  if (!state.first && !state.second) return; // nothing has been asked
  if (isLacking(state.first, state.second)) return;
  const group = Math.min(Number(state.g) || 0, cast.groups.length - 1);
  await latest(ask("pair", { group, first: state.first, second: state.second }),
    (found) => { answer = found; draw(); }, (error) => showFault("pair-fault", error));
}

function draw() {
  replace(byId("pair"), preferences(),
    el("p", { className: "small" }, "Below, what each place adds to the difference, in nats: + for the first sentence, − for the second. The framed place decides: from there on the sum keeps its sign."),
    answer.preferences.map(pieces));
}

const WORDS = { first: "the first", second: "the second", tie: "neither: a tie" };

function preferences() {
  const head = ["model", "first", "second", "difference", "prefers"];
  return el("div", { className: "scroll" }, el("table", { className: "preferences" },
    el("caption", {}, `Log-likelihoods log p of both sentences, in nats; scoring rules: ${answer.rules}`),
    el("thead", {}, el("tr", {}, head.map((name, column) => el("th", { scope: "col", className: column && column < 4 ? "number" : "" }, name)))),
    el("tbody", {}, answer.preferences.map((each) => el("tr", { "data-preference": each.model },
      el("th", { scope: "row" }, each.model),
      [signed(each.first), signed(each.second), signed(each.first - each.second)].map((text) => el("td", { className: "number" }, text)),
      el("td", {}, WORDS[each.prefers]))))));
}

function pieces(each) {
  return el("div", { className: "strip", "data-decides": each.model },
    el("div", { className: "strip-head" }, el("span", { className: "name" }, each.model),
      el("span", { className: "figures" }, decision(each))),
    el("div", { className: "chips" }, answer.pieces.map((piece, number) =>
      el("span", { className: number === each.decided ? "piece decides" : "piece" },
        pieceText(piece), el("span", { className: "value" }, signed(each.margin[number], 1))))));
}

function decision(each) {
  if (each.decided === null) return "equally likely";
  const piece = answer.pieces[each.decided];
  const node = pieceText(piece);
  return el("span", {}, `prefers ${WORDS[each.prefers]}; decided at `, node);
}

/** The token of both sentences, or what stands in each, a stroke between. */
function pieceText(piece) {
  const [one, other] = [answer.first.slice(...piece.first), answer.second.slice(...piece.second)];
  const same = one.length === other.length && one.every((token, at) => token.id === other[at].id);
  const nodes = (tokens) => (tokens.length ? tokens.map(tokenNode) : [el("span", { className: "role" }, "nothing")]);
  return el("span", {}, nodes(one), same ? "" : [" / ", ...nodes(other)]);
}

/** A row for each place: what it adds, and the sum so far. */
function table() {
  const rows = [["model", "role", "log_p_first", "log_p_second", "prefers", "place", "first_tokens", "second_tokens", "adds_nats", "sum_nats", "decides"]];
  for (const each of answer?.preferences ?? []) {
    let sum = 0;
    answer.pieces.forEach((piece, number) => {
      const [one, other] = [answer.first.slice(...piece.first), answer.second.slice(...piece.second)].map((tokens) => tokens.map((token) => token.text).join(""));
      sum += each.margin[number];
      rows.push([each.model, each.role, each.first, each.second, each.prefers, number + 1, one, other, each.margin[number], sum, number === each.decided ? 1 : 0]);
    });
  }
  return rows;
}

// --- the run's own pairs -------------------------------------------------------------------------

const latestPage = newest();
let page = null;

function startBrowsing() {
  const runs = cast.runs.filter((run) => run.benchmarks.length);
  byId("browse").hidden = !runs.length;
  if (!runs.length) return;
  const options = runs.flatMap((run) => run.benchmarks.map((name) => [`${run.prefix}|${name}`, `${run.prefix}${name}`]));
  fillSelect(byId("benchmark"), options, state.bench ? `${state.run}|${state.bench}` : options[0][0]);
  byId("benchmark").addEventListener("change", () => change({ ...benchmark(), right: "", wrong: "", uid: "", start: "0" }));
  byId("browse-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const wanted = Object.fromEntries(["right", "wrong", "uid", "words"].map((name) => [name, byId(name).value]));
    change({ ...benchmark(), ...wanted, start: "0" });
  });
  offerTable("pairs", pageTable);
}

function benchmark() {
  const [run, bench] = byId("benchmark").value.split("|");
  return { run, bench };
}

export async function readBrowsing() {
  if (byId("browse").hidden) return;
  if (state.bench) byId("benchmark").value = `${state.run}|${state.bench}`;
  byId("words").value = state.words;
  const { run, bench } = benchmark();
  const body = { run, benchmark: bench, right: state.right, wrong: state.wrong, uid: state.uid, words: state.words, start: Number(state.start) };
  await latestPage(ask("pairs", body), (found) => {
    if (isIgnored(found)) { readBrowsing(); return; }
    page = found;
    showFault("pairs-fault", null);
    drawPage();
  }, (error) => {
    const models = ["right", "wrong"].filter(isGiven);
    models.forEach((name) => ignore(name, "there is no such model, or it was not scored on these pairs"));
    if (models.length) { readBrowsing(); return; }
    page = null;
    showFault("pairs-fault", error);
    replace(byId("pairs"));
  });
}

/** Whether the address asked for a paradigm or a page that does not exist; that is then ignored. */
function isIgnored(found) {
  if (isGiven("uid") && !found.uids.includes(state.uid)) ignore("uid", "these pairs have no such paradigm");
  else if (isGiven("start") && !found.pairs.length) ignore("start", `there are only ${found.total.toLocaleString("en")} such pairs`);
  else return false;
  return true;
}

function drawPage() {
  for (const name of ["right", "wrong"]) {
    fillSelect(byId(name), [["", "(any)"], ...page.models.map((model) => [model, model])], state[name]);
  }
  fillSelect(byId("uid"), [["", "all"], ...page.uids.map((uid) => [uid, uid.replaceAll("_", " ")])], state.uid);
  const last = page.start + page.pairs.length;
  const turn = (start) => change({ start: String(start) });
  replace(byId("pairs"),
    el("p", { className: "small", "data-total": page.total }, page.total ? `${page.start + 1} to ${last} of ${page.total.toLocaleString("en")} pairs` : "No pair passes this filter."),
    el("ul", { className: "pairs" }, page.pairs.map(row)),
    el("div", { className: "controls" },
      page.start ? el("button", { type: "button", onclick: () => turn(Math.max(0, page.start - 20)) }, "← Earlier") : null,
      last < page.total ? el("button", { type: "button", onclick: () => turn(last) }, "Later →") : null));
}

function row(pair) {
  const right = page.models.filter((model) => pair.correct[model] === 1);
  const wrong = page.models.filter((model) => pair.correct[model] === 0);
  const tie = page.models.filter((model) => pair.correct[model] > 0 && pair.correct[model] < 1);
  const parts = [["right", right], ["wrong", wrong], ["tie", tie]].filter(([, models]) => models.length);
  return el("li", {},
    el("div", {},
      el("p", {}, "✓ ", visibleText(pair.good)), el("p", {}, "✗ ", visibleText(pair.bad)),
      el("p", { className: "small" }, parts.map(([word, models]) => `${word}: ${models.join(", ")}`).join("; "))),
    el("button", { type: "button", onclick: () => open(pair) }, "Open"));
}

/** Compare a pair under the models of its own run, which may be another group than the one looked at. */
function open(pair) {
  const { group } = cast.runs.find(({ prefix }) => prefix === benchmark().run);
  change({ ...ofGroup(group), first: pair.good, second: pair.bad }, { push: true });
  byId("first").focus();
}

function pageTable() {
  const rows = [["uid", "number", "sentence_good", "sentence_bad", ...(page?.models ?? [])]];
  for (const pair of page?.pairs ?? []) rows.push([pair.uid, pair.number, pair.good, pair.bad, ...page.models.map((model) => pair.correct[model])]);
  return rows;
}
