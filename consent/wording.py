"""What does a message from a person say about permission? Pure text rules, no tables [64.1200(a)(10), V01, V02]."""

from __future__ import annotations

import re

from consent.vocabulary import Verdict

STOP_WORDS = frozenset(
    {"stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe", "stopall", "stop all", "optout"}
)
HELP_WORDS = frozenset({"help", "info"})
START_WORDS = frozenset({"start", "unstop"})  # YES may answer a question, so it restarts nothing

_CONTACT = (
    r"(?:text|txt|message|msg|call|phone|ring|contact|e-?mail|mail|bother|bug|spam|harass|reach)(?:s|es|ing|ed|ping)?"
)
_NEG = r"(?:do not|dont|don t|never|not to|no longer|quit|stop|cease|enough)"
PLAIN_REQUESTS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b{_NEG} (?:ever |please |pls |you |send(?:ing)? )?(?:me |us )?(?:any ?more |more |these |those |the |all |your )*{_CONTACT}\b",
        r"\b(?:do not|dont|don t|never) want (?:any |any more |more |your |these |to (?:be|get|receive|hear))",
        rf"\bno (?:more|further) {_CONTACT}\b",
        r"\b(?:take|remove|delete|drop|get|scratch) (?:me|us|my (?:number|name|phone|info|contact|e ?mail)|this number|our number)\b(?!\s+(?:in|to|an?|the|back|there|home|started)\b)",
        r"\b(?:unsubscribe|opt|sign) (?:me|us) (?:out|off)?\b|\bunsubscribe me\b|\bopt(?:ing|ed)? (?:me )?out\b",
        r"\bplease (?:just )?(?:stop|quit|cease|unsubscribe)$|^(?:just |pls |please |you (?:need to|must|should) )*(?:stop|quit|unsubscribe)(?: it| this| now| that| please| pls| already| immediately| thanks| thank you| thx)*$",
        r"\bwrong (?:number|person|phone)\b|\bnot (?:the|my) (?:right )?(?:number|person)\b.*\bwrong\b",
        r"\bleave me alone\b|\blose my number\b|\bgo away\b|\bpiss off\b|\bfuck off\b",
        r"\bi (?:hereby )?(?:revoke|withdraw) (?:my |any |all )?(?:prior )?(?:consent|permission)\b|\b(?:revoke|withdraw)(?:ing)? (?:my |any |all )?(?:prior )?(?:consent|permission)\b",
        r"\b(?:do not|dont|don t) (?:contact|call|text|message|mail|email)\b",
        r"\b(?:cease and desist|off (?:of )?(?:your|the|this) (?:\w+ )?(?:list|lists))\b",
        r"\bstop (?:sending|contacting|calling|texting|messaging|mailing|emailing|bothering|harassing|spamming)\b",
        r"\bno (?:calls|texts|messages|emails|mails)(?: please| pls)?$",
        r"^(?:por favor )?(?:alto|parar|pare|basta|cancelar|detener|no mas)(?: por favor)?$",
        r"\bno (?:me )?(?:llame|llamen|escriba|escriban|mande|manden|contacte|contacten|moleste|molesten)\b",
        r"\bnumero equivocado\b",
    )
)
MAYBE = re.compile(
    r"\b(?:stop(?:s|ped|ping)?|quit(?:s|ting)?|end(?:s|ed|ing)?|revok(?:e|es|ed|ing)|cancel(?:s|l?ed|l?ing)?"
    r"|unsubscrib(?:e|es|ed|ing)|opt(?:ing|ed)? ?out|not interested|remove|withdraw)\b"
)


def fold_text(text: str) -> str:
    """Return the words alone: lower case, no punctuation, single spaces."""
    lowered = text.lower().replace("’", "'").translate(ACCENTS)
    without = re.sub(r"(?<=\w)'(?=\w)", "", lowered)
    return " ".join(re.sub(r"[^a-z0-9]+", " ", without).split())


ACCENTS = str.maketrans("áéíóúüñ", "aeiouun")


def classify(text: str) -> str:
    """Return revoke, start, help, review or none.

    A stop word alone revokes; so does a plain request. A sentence that only contains such a word is for a person
    to read, and permission waits until then (policy ambiguous_optout).
    """
    words = fold_text(text)
    if words in STOP_WORDS or words.replace(" ", "") in STOP_WORDS:
        return Verdict.REVOKE.value
    if words in START_WORDS:
        return Verdict.START.value
    if words in HELP_WORDS:
        return Verdict.HELP.value
    if any(pattern.search(words) for pattern in PLAIN_REQUESTS):
        return Verdict.REVOKE.value
    return Verdict.REVIEW.value if MAYBE.search(words) else Verdict.NONE.value
