"""Did a person write this, or did their mailbox or telephone answer by itself? Pure text rules, no tables.

Only what is certain: whoever is taken for a machine gets no answer, so a sentence that a person might well have typed,
and any question, is a person's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from consent.wording import fold_text

FLAGS = ("x-autoreply", "x-autorespond", "x-auto-reply", "x-failed-recipients")
BY_MACHINES = ("auto_reply", "bulk", "junk")  # what Precedence says of mail that nobody wrote to us
DAEMONS = ("mailer-daemon", "postmaster")

# The head of a notice, alone or before what it is about: “Automatic reply: Your visit”.
HEAD = re.compile(
    r"\s*(?:(?:automatic|automated|auto)[- ]?(?:reply|response|answer)|autoreply|respuesta autom[aá]tica"
    r"|out[ -]of[ -](?:the[ -])?office(?: (?:auto[- ]?reply|message|notice|reply))?|fuera de (?:la )?oficina"
    r"|undeliverable|undelivered mail.*|delivery status notification.*|mail delivery failed.*|delivery receipt"
    r"|read receipt|confirmaci[oó]n de lectura)\s*(?:[:(–-].*)?$",
    re.IGNORECASE,
)
NOTICES = tuple(
    re.compile(pattern)
    for pattern in (
        r"\bthis is an? (?:automat\w+|auto) (?:reply|response|message|answer|e ?mail)\b",
        r"\b(?:esta es una respuesta|este es un mensaje) automatic[ao]\b",
        # a vacation notice says when or who instead; "I am out of the office on Friday" alone may be an answer
        r"\b(?:i am|im|i m|i will be) (?:currently |presently )?(?:out of (?:the |my )?office|on (?:annual |parental |"
        r"maternity |paternity |sick )?leave|on vacation|away from (?:the|my) office)\b.{0,300}\b(?:limited access|"
        r"(?:up)?on my return|when i return|in my absence|immediate assistance|urgent matters?|no access to)\b",
        r"\b(?:estoy|estare) (?:fuera de (?:la |mi )?oficina|de vacaciones|de baja)\b.{0,300}\b(?:a mi regreso|cuando"
        r" (?:vuelva|regrese)|en mi ausencia|acceso limitado|asuntos? urgentes?)\b",
        # what telephones send from a car, or while they are silent
        r"\bi m driving with\b|\bim driving with\b|\bill see your message when i get where im going\b"
        r"|\bim not receiving notifications\b|\bdriving focus\b",
        r"^(?:sorry |hi )?(?:im|i am) driving(?: right now| now| at the moment)?"
        r"(?: (?:and |so )?(?:ill|i will|will|cant) "
        r"(?:reply|respond|text|call|get back|answer|talk|see)\b.{0,80})?(?: sent from my car)?$",
        r"^(?:lo siento |perdon )?estoy (?:conduciendo|manejando)(?: ahora(?: mismo)?| en este momento)?"
        r"(?: (?:y )?(?:te|le|les|los|luego|despues|no puedo)\b.{0,80})?$",
    )
)


def says_so(headers: Mapping[str, str], sender: str = "") -> bool:
    """Whether the headers of a mail say that no person sent it, as vacation replies and receipts do [RFC 3834]."""
    given = {name.lower(): value.strip().lower() for name, value in headers.items()}
    if given.get("auto-submitted", "no").partition(";")[0].strip() not in ("no", ""):
        return True
    if given.get("precedence") in BY_MACHINES or given.get("return-path") == "<>":
        return True
    if given.get("content-type", "").startswith("multipart/report"):
        return True
    return any(given.get(flag, "no") != "no" for flag in FLAGS) or sender.partition("@")[0].lower() in DAEMONS


def reads_so(text: str) -> bool:
    """Whether the words are those of a notice that answers by itself; whoever asks something is a person."""
    if HEAD.match(next((line for line in text.splitlines() if line.strip()), "")):
        return True
    return "?" not in text and any(pattern.search(fold_text(text)) for pattern in NOTICES)
