// Start: read the address and the models, then show every panel; each change shows what depends on it.
import { getModels, loaded } from "./api.js";
import { startCopying } from "./copying.js";
import { byId, el, replace } from "./dom.js";
import { readLoss, startLoss } from "./loss.js";
import { readBrowsing, readPair, startPairs } from "./pairs.js";
import { drawPosition, readPosition, startPosition } from "./position.js";
import { onChange, readAddress, state } from "./state.js";
import { mark, startText } from "./text.js";
import { readWriting, startWriting } from "./write.js";

const has = (changed, ...names) => names.some((name) => changed.has(name));

function readPlace() { readPosition(); readLoss(); }

function describe(cast) {
  const names = cast.groups.flatMap((group) => group.models.map(({ name, role }) => (role === "model" ? name : `${name} (${role})`)));
  byId("cast").textContent = names.join(", ");
  byId("version").textContent = `babyllama ${cast.version}; scoring rules: ${[...new Set(cast.groups.map((group) => group.rules))].join(", ")}`;
  byId("notes").hidden = !cast.notes.length;
  replace(byId("notes"), cast.notes.map((note) => el("li", {}, note)));
}

async function start() {
  readAddress();
  let cast;
  try {
    await loaded((doing) => { byId("cast").textContent = `The page can be used in a moment: ${doing} …`; });
    cast = await getModels();
  } catch (error) {
    byId("cast").textContent = error.message;
    byId("cast").className = "fault";
    return;
  }
  if (!cast.groups[Number(state.g)]) state.g = "0";
  describe(cast);
  startCopying();
  startPosition();
  startLoss(cast);
  startWriting(cast);
  startPairs(cast);
  const readText = startText(cast, () => { readPlace(); readWriting(); });
  onChange((changed) => {
    if (has(changed, "text", "forced", "g")) { readText(); if (has(changed, "g")) readPair(); }
    else if (has(changed, "at", "T")) { mark(); readPlace(); }
    else if (has(changed, "predict", "guess")) { readPlace(); }
    else if (has(changed, "from", "to")) drawPosition();
    else if (has(changed, "student")) readLoss();
    if (has(changed, "first", "second")) readPair();
    if (has(changed, "run", "bench", "right", "wrong", "uid", "words", "start")) readBrowsing();
  });
  readPair();
  readBrowsing();
  await readText();
  document.querySelector("main").inert = false; // until now fields were empty and forms did nothing
}

start();
