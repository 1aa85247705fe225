// Fetch a part of the page again while somebody looks at it, for as long as the server says that it still changes
// (data-refresh: seconds). It is no sign of a person, so it keeps nobody signed in. Once the work is
// done the head of the page, which may offer something else then, is taken over too.
"use strict";
{
    const refresh = async () => {
        const part = document.querySelector("[data-refresh]");
        if (!part) return;
        if (!document.hidden && !part.contains(document.activeElement)) await fetchAgain(part).catch(() => {});
        wait();
    };
    const fetchAgain = async (part) => {
        const url = part.dataset.url || location.href;
        const answer = await fetch(url, {headers: {"X-Background": "1"}, redirect: "manual"});
        if (answer.type === "opaqueredirect") return location.reload();
        if (!answer.ok) return;
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        const whole = fresh.getElementById(part.id);
        if (whole && !("refresh" in whole.dataset)) swap(document.getElementById("header-inner"), fresh);
        if (whole) part.replaceWith(document.importNode(whole, true));
        else part.innerHTML = fresh.body.innerHTML;
    };
    const swap = (head, fresh) => {
        const now = fresh.getElementById("header-inner");
        if (!head || !now) return;
        head.replaceWith(document.importNode(now, true));
        window.htmx?.process(document.getElementById("header-inner"));
    };
    const wait = () => {
        const part = document.querySelector("[data-refresh]");
        if (part) setTimeout(refresh, Number(part.dataset.refresh) * 1000);
    };
    wait();
}
