// Copy tables as CSV, and the address.
import { byId } from "./dom.js";

const tables = {};

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

export async function copy(text, what) {
  const box = byId("copied");
  try {
    await navigator.clipboard.writeText(text);
    box.hidden = true;
    say(`${what} copied.`);
  } catch {
    box.hidden = false;
    box.value = text;
    box.select();
    say("The browser does not allow copying: take the text from the box.");
  }
}

function say(text) { byId("said").textContent = text; }

export function startCopying() {
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", () => {
      const rows = tables[button.dataset.copy]?.() ?? [];
      if (rows.length > 1) copy(csv(rows), "The table is");
      else say("There is nothing to copy yet.");
    });
  }
  byId("link").addEventListener("click", () => copy(location.href, "The link is"));
}
