// Sorts and filters the overview. The page is complete without it.
"use strict";
for (const table of document.querySelectorAll("table.overview")) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const headers = [...table.tHead.rows[0].cells];

  // The number of a cell; undefined values sort last.
  const number = (cell) => {
    const found = cell.textContent.replace(/,/g, "").match(/-?(∞|\d+(\.\d+)?(e-\d+)?)/);
    return found ? Number(found[0].replace("∞", "Infinity")) : NaN;
  };
  const compare = (column, sign) => (one, other) => {
    if (column === 0) return sign * one.cells[0].textContent.localeCompare(other.cells[0].textContent);
    const [a, b] = [number(one.cells[column]), number(other.cells[column])];
    if (isNaN(a) || isNaN(b)) return isNaN(a) - isNaN(b);
    return sign * (a - b);
  };

  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.setAttribute("aria-label", `Sort by ${header.textContent.trim()}`);
    button.addEventListener("click", () => {
      const first = column === 0 ? "ascending" : "descending";
      const second = column === 0 ? "descending" : "ascending";
      const direction = header.getAttribute("aria-sort") === first ? second : first;
      headers.forEach((each) => each.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", direction);
      body.append(...[...rows].sort(compare(column, direction === "ascending" ? 1 : -1)));
    });
    header.append(button);
  });

  if (rows.length > 20) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    const shown = document.createElement("output");
    input.type = "search";
    label.className = "filter";
    label.append("Find ", input, shown);
    input.addEventListener("input", () => {
      const wanted = input.value.toLowerCase();
      rows.forEach((row) => (row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted)));
      shown.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
    });
    table.parentElement.before(label);
  }
}
