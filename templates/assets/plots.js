// Statistics: the values of a day or month under a tap, under the pointer, or by the arrow keys, as its title says them.
"use strict";

document.querySelectorAll("figure").forEach((figure) => {
  const area = figure.querySelector(".area"), said = figure.querySelector(".value");
  const columns = [...figure.querySelectorAll(".column")];
  if (!columns.length) return;
  let shown = -1;

  const show = (index) => {
    columns[shown]?.classList.remove("shown");
    shown = Math.max(0, Math.min(columns.length - 1, index));
    columns[shown].classList.add("shown");
    said.textContent = columns[shown].querySelector("title").textContent;
  };

  columns.forEach((column, index) => {
    for (const event of ["click", "pointerenter"]) column.addEventListener(event, () => show(index));
  });
  area.setAttribute("tabindex", "0");
  area.addEventListener("focus", () => { if (shown < 0) show(columns.length - 1); });
  area.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -columns.length, End: columns.length }[event.key];
    if (!step) return;
    event.preventDefault();
    show(shown + step);
  });
});
