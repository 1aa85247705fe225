/* Ends an idle session kindly: two minutes before, drafts are saved where a page keeps them ("medcrm:save-draft" on document)
   and a dialog offers to stay. Tells the access log about printing. The server knows how long is left; what a person types or clicks counts, what a page fetches by itself does not. */
(() => {
  const here = new URL(document.currentScript.src);
  const url = here.searchParams.get("idle");
  if (!url || window.top !== window) return; // nobody is signed in
  const REPORT = 5 * 60 * 1000; // tell the server about a busy person this often
  let timer, ticker, dialog, isBusy = false, told = Date.now();

  const token = () => document.querySelector("[name=csrfmiddlewaretoken]")?.value
    || document.cookie.match(/csrftoken=([^;]+)/)?.[1] || "";
  const ask = () => fetch(url, { headers: { "X-Background": "1" }, credentials: "same-origin" })
    .then((answer) => answer.ok && !answer.redirected ? answer.json() : { left: 0 });
  const stay = () => fetch(url, { method: "POST", headers: { "X-CSRFToken": token() }, credentials: "same-origin" });
  // Whoever keeps what was typed says so by preventDefault.
  const saveDrafts = () => !document.dispatchEvent(new CustomEvent("medcrm:save-draft", { cancelable: true }));

  function schedule(seconds) {
    clearTimeout(timer);
    timer = setTimeout(check, Math.max(seconds, 1) * 1000);
  }

  async function check() {
    if (isBusy) await prolong().catch(() => {});
    let state;
    try { state = await ask(); } catch { return schedule(15); } // no connection: look again
    if (state.left <= 0) return leave();
    if (state.left > state.warns) return schedule(state.left - state.warns);
    warn(state);
  }

  async function prolong() {
    isBusy = false;
    told = Date.now();
    const answer = await stay();
    if (!answer.ok) return leave();
  }

  function warn(state) {
    const isKept = saveDrafts();
    const ends = Date.now() + state.left * 1000;
    dialog ||= build(state);
    dialog.querySelector("p").textContent = isKept ? state.kept : state.text;
    const shown = dialog.querySelector("[data-left]");
    const draw = () => {
      const left = Math.max(0, Math.round((ends - Date.now()) / 1000));
      shown.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
      if (left === 0) { close(); check(); }
    };
    draw();
    clearInterval(ticker);
    ticker = setInterval(draw, 1000);
    if (!dialog.open) dialog.showModal();
  }

  function build(state) {
    const box = document.createElement("dialog");
    box.className = "mc-idle";
    box.setAttribute("aria-labelledby", "mc-idle-title");
    box.innerHTML = '<h2 id="mc-idle-title"></h2><p></p><p class="mc-idle-left" data-left role="timer"></p>'
      + '<div class="mc-idle-actions"><button type="button" data-stay autofocus></button><button type="button" data-leave></button></div>';
    box.querySelector("h2").textContent = state.title;
    box.querySelector("[data-stay]").textContent = state.stay;
    box.querySelector("[data-leave]").textContent = state.leave;
    box.querySelector("[data-stay]").onclick = async () => { close(); await prolong(); check(); };
    box.querySelector("[data-leave]").onclick = () => document.getElementById("logout-form")?.requestSubmit() ?? leave();
    box.oncancel = (event) => { event.preventDefault(); box.querySelector("[data-stay]").click(); };
    document.body.append(box);
    return box;
  }

  function close() {
    clearInterval(ticker);
    dialog?.close();
  }

  function leave() {
    const next = encodeURIComponent(location.pathname + location.search);
    location.assign(`${here.searchParams.get("login")}?next=${next}`);
  }

  for (const sign of ["keydown", "pointerdown"]) {
    document.addEventListener(sign, () => {
      if (dialog?.open) return;
      isBusy = true;
      if (Date.now() - told > REPORT) prolong().catch(() => {});
    }, { passive: true, capture: true });
  }
  window.addEventListener("beforeprint", () => {
    const page = new FormData();
    page.append("path", location.pathname);
    page.append("csrfmiddlewaretoken", token());
    navigator.sendBeacon(here.searchParams.get("printed"), page);
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) check(); }); // a laptop woke up
  schedule(Number(here.searchParams.get("ends")) - Number(here.searchParams.get("warns")));
})();
