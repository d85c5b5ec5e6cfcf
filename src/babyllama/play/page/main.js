// Start: read the address and the models, then show every panel; each change shows what depends on it.
import { getModels, loaded } from "./api.js";
import { startCopying } from "./copying.js";
import { byId, el, replace, roleWord } from "./dom.js";
import { readLoss, startLoss } from "./loss.js";
import { readBrowsing, readPair, startPairs } from "./pairs.js";
import { drawPosition, readPosition, startPosition } from "./position.js";
import { onChange, startState, state } from "./state.js";
import { mark, startText } from "./text.js";
import { readWriting, startWriting } from "./write.js";

const has = (changed, ...names) => names.some((name) => changed.has(name));

function readPlace() { readPosition(); readLoss(); }

function describe(cast) {
  const models = cast.groups.flatMap((group) => group.models);
  const runs = cast.runs.map(({ prefix, name }) => prefix.slice(0, -1) || name);
  const shown = [...runs, ...models.filter(({ role }) => role === "model").map(({ name }) => name)].join(", ");
  document.title = `${shown} – babyllama play`;
  byId("title").textContent = `Models side by side: ${shown}`;
  byId("cast").textContent = models.map((model) => (roleWord(model) ? `${model.name} (${roleWord(model)})` : model.name)).join(", ");
  byId("version").textContent = `babyllama ${cast.version}; scoring rules: ${[...new Set(cast.groups.map((group) => group.rules))].join(", ")}`;
  byId("notes").hidden = !cast.notes.length;
  replace(byId("notes"), cast.notes.map((note) => el("li", {}, note)));
}

/** Say what is ignored of the address. */
function tellIgnored(sentences) {
  byId("ignored").hidden = !sentences.length;
  replace(byId("ignored"), sentences.length ? ["Ignored in the address, where the page uses its default instead:", el("ul", {}, sentences.map((each) => el("li", {}, each)))] : "");
}

async function start() {
  let cast;
  try {
    await loaded((doing) => { byId("cast").textContent = `The page can be used in a moment: ${doing} …`; });
    cast = await getModels();
  } catch (error) {
    byId("cast").textContent = error.message;
    byId("cast").className = "fault";
    return;
  }
  describe(cast);
  startState(cast, tellIgnored);
  startCopying();
  startPosition(cast);
  startLoss(cast);
  startWriting(cast);
  startPairs(cast);
  const readText = startText(cast, () => { readPlace(); readWriting(); });
  onChange((changed) => {
    if (has(changed, "text", "forced", "g") || (has(changed, "at") && !state.at)) readText();
    else if (has(changed, "at", "T")) { mark(); readPlace(); }
    else if (has(changed, "predict", "guess")) { mark(); readPlace(); }
    else if (has(changed, "from", "to")) drawPosition();
    else if (has(changed, "student")) readLoss();
    if (has(changed, "first", "second", "g")) readPair();
    if (has(changed, "run", "bench", "right", "wrong", "uid", "words", "start")) readBrowsing();
  });
  readPair();
  readBrowsing();
  await readText();
  document.querySelector("main").inert = false; // until now fields were empty and forms did nothing
}

start();
