// Search boxes: hide the rows of a table that lack one of the words. Without a script all rows show.
for (const figure of document.querySelectorAll(".searchable")) {
  const box = figure.querySelector(".search"), found = box.querySelector("output");
  const rows = [...figure.querySelectorAll("tbody tr")].map((row) => [row, row.textContent.toLowerCase()]);
  const search = () => {
    const words = box.querySelector("input").value.toLowerCase().split(/\s+/);
    let shown = 0;
    for (const [row, text] of rows) {
      row.hidden = !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    found.value = shown ? `${shown} of ${rows.length} rows` : "No row has all of these words.";
    figure.querySelector(".scroll").hidden = !shown;
  };
  box.hidden = false;
  box.addEventListener("input", search);
  search();
}
// Regions that scroll are stops of the Tab key; others need not be.
const stops = () => {
  for (const region of document.querySelectorAll(".scroll, pre")) {
    const scrolls = region.scrollWidth > region.clientWidth || region.scrollHeight > region.clientHeight;
    if (scrolls) region.tabIndex = 0;
    else region.removeAttribute("tabindex");
  }
};
stops();
addEventListener("resize", stops);
addEventListener("toggle", stops, true);
// What is folded is printed as well.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((each) => { each.open = true; }));
