// Names and focus where the theme leaves them out: fields of table rows, boxes that are searched, tables pushed sideways.
"use strict";

(() => {
  const text = (element) => element?.textContent.replace(/\*/g, "").trim() || "";
  const labelOf = (field) => (field?.id ? text(document.querySelector(`label[for="${CSS.escape(field.id)}"]`)) : "");
  const columnOf = (field) => {
    const cell = field.closest("td");
    const heads = cell?.closest("table")?.querySelectorAll("thead th") || [];
    return text(heads[cell?.cellIndex]);
  };
  const name = () => {
    for (const field of document.querySelectorAll("[data-inline-type=tabular] td :is(input:not([type=hidden]), select, textarea)")) {
      const said = labelOf(field) || columnOf(field);
      if (said && !field.hasAttribute("aria-label")) field.setAttribute("aria-label", said);
    }
    for (const box of document.querySelectorAll(".select2-selection[aria-labelledby]")) {
      const field = box.closest(".select2")?.previousElementSibling;
      const said = labelOf(field) || field?.getAttribute("aria-label");
      if (!said) continue;
      box.setAttribute("aria-label", said);
      box.querySelector(".select2-selection__rendered")?.setAttribute("aria-label", said);
    }
  };
  const reach = () => {
    for (const region of document.querySelectorAll(".mc-scroll")) {
      if (region.scrollWidth > region.clientWidth) region.tabIndex = 0;
      else region.removeAttribute("tabindex");
    }
  };
  const begin = () => {
    name();
    reach();
    // The theme makes a searched box whenever its own script comes to it, before or after this.
    for (const field of document.querySelectorAll("select.admin-autocomplete")) {
      new MutationObserver(name).observe(field.parentElement, { childList: true });
    }
  };
  addEventListener("load", begin);
  addEventListener("resize", reach);
  document.addEventListener("formset:added", name);
  document.addEventListener("htmx:afterSettle", reach);
})();
