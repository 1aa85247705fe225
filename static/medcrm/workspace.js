// The workspace by keyboard: keys, dialogs, parts that appear when they are needed, and typed text that is never lost.
// Without this file every form still works by its buttons.
"use strict";

(() => {
  const RETRY_MS = 3000;
  const GIVEN_UP_MS = 15000; // a save without an answer may be pressed again
  const by = (id) => document.getElementById(id);
  const form = () => by("ws-form");
  const since = new WeakMap(); // when a number to dial came onto the page
  const isOver = (dial) => performance.now() - since.get(dial) > 1000 * Number(dial.dataset.seconds);
  const note = () => document.querySelectorAll("[data-seconds]").forEach((dial) => since.has(dial) || since.set(dial, performance.now()));
  note();
  const isVisible = (element) => element.getClientRects().length > 0;

  // Dialogs

  const open = (id) => {
    const dialog = by(id);
    if (dialog && !dialog.open) dialog.showModal();
  };

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) open(opener.dataset.opens);
    const closer = event.target.closest("[data-closes]");
    if (closer) closer.closest("dialog").close();
    const dial = event.target.closest("[data-seconds]");
    if (dial && isOver(dial)) {
      event.preventDefault();
      (by(dial.dataset.asks) || by("ws-call")).requestSubmit(); // the reservation is minutes old: ask again what is allowed
    }
    const picker = event.target.closest("[data-picks]");
    if (picker) pick(picker.dataset.picks);
  });

  // Parts of the result that only some results need

  const checked = (name) => form()?.querySelector(`[name=${name}]:checked`);

  const parts = () => {
    if (!form()) return;
    const result = checked("disposition");
    const outcome = checked("outcome")?.value || "";
    const needs = (result?.dataset.needs || "").split(" ");
    const implied = outcome || (result?.dataset.outcome ?? "");
    const isMissing = needs.includes("missing") || implied === "documents_requested";
    const movesOn = ["appointment_set", "sent_to_team", "concluded"].includes(outcome);
    const wanted = {
      callback: needs.includes("callback") || ("meets" in form().dataset && implied === "appointment_set"),
      missing: isMissing,
      visit: implied === "appointment_set",
      hold: outcome === "hold",
      day: isMissing || outcome === "hold",
      stop: outcome === "disqualified" || (outcome === "" && Boolean(result) && "stops" in result.dataset),
      other: [result?.value, form().elements.stop_reason?.value].includes("chose_other_provider"),
      override: movesOn && (by("ws-checklist")?.dataset.failed || "").includes("yes"),
    };
    for (const part of form().querySelectorAll("[data-when]")) {
      const isFilled = [...part.querySelectorAll("input, select")].some((field) =>
        field.type === "checkbox" ? field.checked : field.value !== "");
      part.hidden = !wanted[part.dataset.when] && !isFilled && !part.querySelector(".mc-error");
    }
    const suggested = result?.dataset.outcome || by("ws-checklist")?.dataset.suggested || "";
    for (const mark of form().querySelectorAll("[data-suggests]")) {
      mark.hidden = !suggested || mark.dataset.suggests !== suggested;
    }
  };

  const pick = (code) => {
    const radio = form()?.querySelector(`[name=disposition][value="${code}"]`);
    if (!radio) return;
    radio.checked = true;
    radio.dispatchEvent(new Event("change", { bubbles: true }));
    after(radio);
  };

  const after = (radio) => {
    // Where to go once the result is chosen: to what it makes mandatory, else to the outcome.
    const first = by("ws-consent");
    const isOpen = first && !first.querySelector(":checked");
    const part = isOpen ? first : [...form().querySelectorAll("[data-when]")].find(isVisible);
    const next = part?.querySelector("input, select") || form().querySelector("[name=outcome]:checked, [name=outcome]");
    (next || radio).focus();
  };

  document.addEventListener("change", (event) => {
    if (event.target.closest("#ws-form")) parts();
  });

  // Find a result by typing

  const find = (words) => {
    const wanted = words.trim().toLowerCase();
    for (const chip of by("ws-dispositions").querySelectorAll(".mc-chip")) {
      chip.hidden = wanted !== "" && !wanted.split(/\s+/).every((word) => chip.textContent.toLowerCase().includes(word));
    }
    for (const group of by("ws-dispositions").querySelectorAll(".mc-ws-group")) {
      group.hidden = ![...group.querySelectorAll(".mc-chip")].some((chip) => !chip.hidden);
    }
  };

  document.addEventListener("input", (event) => {
    if (event.target.id !== "ws-find") return;
    event.stopPropagation();
    find(event.target.value);
  }, true);

  document.addEventListener("keydown", (event) => {
    if (event.target.id !== "ws-find" || event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const first = [...by("ws-dispositions").querySelectorAll(".mc-chip")].find(isVisible)?.querySelector("input");
    event.target.value = "";
    find("");
    if (first) pick(first.value);
  });

  // Keys

  const KEYS_OFF = "medcrm.keys.off";
  const click = (selector) => {
    const button = document.querySelector(selector);
    if (!button || button.disabled) return false;
    button.click();
    return true;
  };
  const focus = (selector) => {
    const target = [...document.querySelectorAll(selector)].find(isVisible);
    target?.focus();
    target?.scrollIntoView({ block: "center" });
    return Boolean(target);
  };
  const KEYS = {
    "?": () => open("ws-keys"),
    e: () => open("ws-emergency"),
    c: () => click("[aria-keyshortcuts=c]"),
    i: () => click("[aria-keyshortcuts=i]"),
    t: () => click("[aria-keyshortcuts=t]"),
    m: () => click("[aria-keyshortcuts=m]"),
    b: () => click("[aria-keyshortcuts=b]"),
    v: () => click("[aria-keyshortcuts=v]"),
    q: () => focus("#ws-consent:not(:has(:checked)) [data-answer]") || focus("[data-question][data-open] [data-answer], [data-question] [data-answer]"),
    d: () => focus("#ws-find"),
    o: () => focus("#ws-outcome input:checked, #ws-outcome input"),
    n: () => focus("#id_requested"),
    s: () => click("[aria-keyshortcuts=s]"),
    a: () => click("[aria-keyshortcuts=a]"),
    w: () => click("#nav-my-work, a[href$='/admin/work/']"),
    l: () => click("#new-lead"),
    x: () => click("#call-next"),
  };

  const isAsking = () => Boolean(document.querySelector("dialog[open]")) || [...document.querySelectorAll("#dialog")].some(isVisible);
  const isTyping = (element) =>
    element.isContentEditable || element.matches("textarea, select, input:not([type=radio]):not([type=checkbox])");

  const digit = (event) => {
    const place = event.target.closest("[data-question], #ws-outcome");
    if (!place) return false;
    const choices = [...place.querySelectorAll("[data-answer], [name=outcome]")];
    const isOutcome = place.id === "ws-outcome";
    const isNotKnown = !isOutcome && event.key === "0";
    const chosen = isNotKnown
      ? place.querySelector("button[data-answer][value=unknown]")
      : choices[Number(event.key) - (isOutcome ? 0 : 1)];
    if (!chosen) return false;
    chosen.focus();
    chosen.click();
    return true;
  };

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
      if (!isAsking() && click("[aria-keyshortcuts='Control+Enter']")) event.preventDefault();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && isTyping(event.target) && !event.target.closest("dialog")) {
      event.target.blur();
      return;
    }
    if (isTyping(event.target) || isAsking()) return;
    if (localStorage.getItem(KEYS_OFF) && event.key !== "?") return;
    const isDone = /^[0-9]$/.test(event.key) ? digit(event) : KEYS[event.key]?.();
    if (isDone !== undefined && isDone !== false) event.preventDefault();
    else if (KEYS[event.key] && isDone === undefined) event.preventDefault();
  });

  document.addEventListener("change", (event) => {
    if (event.target.id !== "ws-keys-on") return;
    if (event.target.checked) localStorage.removeItem(KEYS_OFF);
    else localStorage.setItem(KEYS_OFF, "1");
  });

  // What is typed is kept: a save that fails is tried again until it holds

  const say = (words, isBad) => {
    const place = by("ws-draft");
    if (!place) return;
    place.textContent = words;
    place.classList.toggle("mc-ws-unsaved", isBad);
  };
  let again = 0;
  const retry = () => {
    clearTimeout(again);
    again = setTimeout(() => form() && htmx.trigger(form(), "change"), RETRY_MS);
  };
  const isDraft = (event) => event.detail.requestConfig?.path?.endsWith("/draft/");
  const token = () => document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];

  let isRecording = false; // what is being recorded is no draft any more
  document.addEventListener("htmx:configRequest", (event) => {
    if (isRecording && event.detail.path.endsWith("/draft/")) {
      event.preventDefault();
      return;
    }
    // A sign-in in another tab makes a new token; the page's own would be refused then.
    if (token()) event.detail.headers["X-CSRFToken"] = token();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!event.detail.xhr.responseURL.includes("/login")) return;
    event.detail.shouldSwap = false;
    say(by("ws").dataset.signedOut, true);
    if (isDraft(event)) retry();
  });
  for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    document.addEventListener(failure, (event) => {
      say(by("ws")?.dataset.offline || "", true);
      if (isDraft(event)) retry();
    });
  }
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id === "ws-draft") by("ws-draft").classList.remove("mc-ws-unsaved");
    note();
    const dial = document.querySelector("[data-dial]");
    if (dial) {
      dial.removeAttribute("data-dial");
      dial.focus(); // Enter dials; the browser's question about the telephone's program would swallow further keys
    }
    if (stood && event.target.id === "ws-checklist") restore();
    else if (document.activeElement === document.body) goOn();
    parts();
  });

  // An answer draws all questions anew. What is typed in another one meanwhile stays, and so does the focus: letters
  // that lose their field would be taken for keys.
  let stood = null;
  const underWay = new Set(); // answers sent and not yet replied to
  const controls = (question) => [...by("ws-checklist").querySelectorAll(`[data-question="${question}"] [data-answer]`)];
  const asks = (element) => element?.closest?.("[data-question]")?.dataset.question;

  document.addEventListener("htmx:beforeSend", (event) => {
    const sent = event.detail;
    if (!event.target.matches(".mc-ws-question")) return;
    underWay.add(sent);
    sent.xhr.addEventListener("loadend", () => underWay.delete(sent));
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    const answer = event.detail.requestConfig?.elt;
    if (!event.detail.shouldSwap || !answer?.matches(".mc-ws-question")) return;
    const active = document.activeElement;
    const question = active.closest("#ws-checklist") ? asks(active) : undefined;
    const fields = [...by("ws-checklist").querySelectorAll("input[data-answer]")];
    stood = {
      isElsewhere: active !== document.body && !active.closest("#ws-checklist"),
      question,
      place: question ? controls(question).indexOf(active) : -1,
      selection: [active.selectionStart, active.selectionEnd],
      answered: answer.dataset.question,
      opened: [...by("ws-checklist").querySelectorAll("details")].map((part) => part.open),
      typed: fields.filter((field) => field.value !== field.defaultValue).map((field) => [asks(field), field.value]),
      sent: answer.querySelector("input[data-answer]")?.value,
    };
  });

  const restore = () => {
    const { isElsewhere, question, place, selection, answered, opened, typed, sent } = stood;
    stood = null;
    underWay.forEach((other) => (other.target = by("ws-checklist"))); // the one they were sent for is gone
    const isRefused = Boolean(by("ws-checklist").querySelector(":scope > .mc-error"));
    by("ws-checklist").querySelectorAll("details").forEach((part, number) => (part.open = opened[number] || false));
    for (const [code, value] of typed) {
      const field = controls(code)[0];
      if (!field || (code === answered && value === sent && !isRefused)) continue;
      field.value = value;
      if (code !== answered || value !== sent) field.dataset.unsent = "";
    }
    if (isElsewhere) return;
    const asked = question !== answered ? question : isRefused ? answered : "";
    const control = asked && (controls(asked)[place] || controls(asked)[0]);
    if (!control) return goOn();
    control.closest("details")?.setAttribute("open", "");
    control.focus();
    if (typeof selection[0] === "number" && control.type === "text") control.setSelectionRange(...selection);
  };

  // The browser sees no change in a field that holds what was typed before it was drawn anew.
  document.addEventListener("change", (event) => delete event.target.dataset.unsent);
  document.addEventListener("focusout", (event) => {
    if (event.target.dataset.unsent === undefined) return;
    delete event.target.dataset.unsent;
    event.target.dispatchEvent(new Event("change", { bubbles: true }));
  });

  // After an answer: to the next open question below it, else to the first one, else to how it ended.
  const goOn = () => {
    const answered = by("ws-checklist")?.dataset.answered;
    if (!answered) return;
    const questions = [...document.querySelectorAll("#ws-checklist [data-question]")].filter(isVisible);
    const from = questions.findIndex((question) => question.dataset.question === answered);
    const order = [...questions.slice(from + 1), ...questions.slice(0, from + 1)];
    const next = order.find((question) => "open" in question.dataset && question.dataset.question !== answered);
    (next?.querySelector("[data-answer]") || by("ws-find"))?.focus();
  };

  document.addEventListener("medcrm:save-draft", (event) => {
    if (!form()) return;
    htmx.trigger(form(), "change");
    if (!isAsking()) event.preventDefault(); // the words of a dialog are no part of the draft
  });

  // Two tabs with one lead would overwrite each other's draft: each says so once it hears of the other.
  const hearOtherTabs = () => {
    const others = new BroadcastChannel(`medcrm ${by("ws").dataset.address}`);
    others.onmessage = ({ data }) => {
      by("ws-twice").hidden = false;
      if (data === "opened") others.postMessage("here too");
    };
    others.postMessage("opened");
  };

  document.addEventListener("submit", (event) => {
    if (event.target.id !== "ws-form") return;
    if (isRecording) return event.preventDefault(); // pressed twice
    if (token()) event.target.elements.csrfmiddlewaretoken.value = token();
    isRecording = navigator.onLine;
    if (isRecording) return void setTimeout(() => (isRecording = false), GIVEN_UP_MS);
    event.preventDefault();
    say(by("ws").dataset.offline, true);
  });

  document.addEventListener("DOMContentLoaded", () => {
    // A refused record is shown under the address that records: what comes back, as a dialog does, comes to the lead.
    const address = by("ws")?.dataset.address;
    if (address && location.pathname !== address) history.replaceState(history.state, "", address);
    if (form() && address) hearOtherTabs();
    parts();
    const box = by("ws-keys-on");
    if (box) box.checked = !localStorage.getItem(KEYS_OFF);
    const wrong = document.querySelector("#ws-form .mc-error");
    if (!wrong) return;
    const field = wrong.closest(".mc-field, fieldset, section");
    (field?.querySelector("input:not([type=search]), select, textarea") || wrong).focus();
    wrong.scrollIntoView({ block: "center" });
  });
})();
