// Copy tables as CSV, and the address.
import { byId, el } from "./dom.js";
import { link } from "./state.js";

const tables = {};
const box = el("textarea", { id: "copied", rows: 4, readOnly: true, hidden: true, "aria-label": "The text to copy" });
const said = new Map(); // of each button: where it says what happened, beside it

/** Say what "Copy as CSV" of a panel copies: a function that gives rows, the head first. */
export function offerTable(name, rows) { tables[name] = rows; }

export function csv(rows) {
  return rows.map((row) => row.map(cell).join(",")).join("\n") + "\n";
}

function cell(value) {
  if (value === null || value === undefined) return "";
  const text = String(value);
  // A spreadsheet would take a token such as "=" for a formula.
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

async function copy(button, text, what) {
  try {
    await navigator.clipboard.writeText(text);
    say(button, `${what} copied.`);
  } catch {
    say(button, "The browser does not allow copying: take the text from the box.");
    button.parentElement.after(box);
    box.hidden = false;
    box.value = text;
    box.select();
  }
}

/** Say a text beside the button, and clear what was said beside the others. */
function say(button, text) {
  box.hidden = true;
  said.forEach((place, each) => { place.textContent = each === button ? text : ""; });
}

function offer(button, act) {
  const place = el("span", { className: "said", role: "status" });
  button.after(place);
  said.set(button, place);
  button.addEventListener("click", act);
}

export function startCopying() {
  for (const button of document.querySelectorAll("[data-copy]")) {
    offer(button, () => {
      const rows = tables[button.dataset.copy]?.() ?? [];
      if (rows.length > 1) copy(button, csv(rows), "The table is");
      else say(button, "There is nothing to copy yet.");
    });
  }
  offer(byId("link"), () => copy(byId("link"), link(), "The link is"));
}
