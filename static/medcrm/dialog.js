// The dialog of an action by keyboard: the focus goes in when it opens, stays in while it is open, and goes back after.
"use strict";

(() => {
  const FIELDS = "input:not([type=hidden]):not([disabled]), select, textarea, button, a[href]";
  const box = () => document.getElementById("modal-content");
  const isVisible = (element) => element.getClientRects().length > 0;
  const dialog = () => box()?.querySelector("#dialog");
  const isOpen = () => Boolean(dialog()) && isVisible(dialog());
  let opener = null;

  const goIn = (tries = 60) => {
    if (isOpen()) {
      (dialog().querySelector("[autofocus]") || dialog().querySelector(FIELDS))?.focus();
    } else if (tries) {
      requestAnimationFrame(() => goIn(tries - 1)); // it is shown a moment after it is filled
    }
  };
  const goBack = () => {
    if (isOpen() || !opener) return;
    opener.focus();
    opener = null;
  };

  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id !== "modal-content") return;
    opener = event.detail.requestConfig.elt;
    goIn();
  });
  document.addEventListener("DOMContentLoaded", () => {
    if (box()) new MutationObserver(goBack).observe(box().parentElement, { attributeFilter: ["style"] });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Tab" || !isOpen()) return;
    const fields = [...dialog().querySelectorAll(FIELDS)].filter(isVisible);
    const [first, last] = [fields[0], fields[fields.length - 1]];
    const from = document.activeElement;
    const isAtEnd = from === (event.shiftKey ? first : last);
    if (!isAtEnd && dialog().contains(from)) return;
    event.preventDefault();
    (event.shiftKey ? last : first).focus();
  });
})();
