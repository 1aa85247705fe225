// Fetch the team board's body again while somebody looks at it. It is no sign of a person, so it keeps nobody signed in.
"use strict";
{
    const board = document.getElementById("board");
    const refresh = async () => {
        if (document.hidden || board.contains(document.activeElement)) return;
        const answer = await fetch(board.dataset.url, {headers: {"X-Background": "1"}, redirect: "manual"});
        if (answer.ok) board.innerHTML = await answer.text();
        else if (answer.type === "opaqueredirect") location.reload();
    };
    if (board) setInterval(refresh, Number(board.dataset.refresh) * 1000);
}
