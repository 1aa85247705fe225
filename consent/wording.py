"""What does a message from a person say about permission? Pure text rules, no tables [64.1200(a)(10), V01, V02]."""

from __future__ import annotations

import re

from consent.vocabulary import Verdict

STOP_WORDS = frozenset(
    {"stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe", "stopall", "stop all", "optout"}
)
HELP_WORDS = frozenset({"help", "info"})
START_WORDS = frozenset({"start", "unstop"})  # YES may answer a question, so it restarts nothing

REACH = r"(?:text|txt|message|msg|call|phone|ring|contact|e ?mail|mail|bother|bug|spam|harass|reach)"
REACHING = (
    r"(?:texting|messaging|messages|calling|calls|ringing|contacting|mailing|e ?mailing|bothering|harassing|spamming)"
)
CONSENT = r"(?:my |any |all )?(?:prior )?(?:consent|permission)"
MORE = r"(?:any ?more |more |these |those |the |all |your )*"


PLAIN_REQUESTS = tuple(
    re.compile(pattern)
    for pattern in (
        # do not call, pls dont text me again, never contact us
        rf"\b(?:do not|dont|don t|never|no longer) (?:ever |please |pls |you )?{REACH}\b(?! about it)",
        rf"\b(?:do not|dont|don t|never) (?:ever )?send(?:ing)? (?:me |us )?{MORE}(?:{REACH}s?|anything)\b",
        r"\b(?:do not|dont|don t|never) want (?:any |more |your |these |to (?:be|get|receive|hear))",
        # no more texts, no calls please
        rf"\bno (?:more|further) {REACH}(?:s|es)?\b",
        r"\bno (?:calls|texts|messages|emails|mails)(?: please| pls)?$",
        # take me off, remove me from your list, delete my number
        r"\b(?:take|remove|delete|drop|get|scratch) (?:me|us|my (?:number|name|phone|info|contact|e ?mail)"
        r"|this number|our number)(?:$| off\b| from\b| out of\b(?! (?:pain|bed|here))| please\b| pls\b| now\b)",
        r"\boff (?:of )?(?:your|the|this) (?:\w+ )?lists?\b",
        # unsubscribe me, opt me out, sign me off
        r"\bunsubscribe (?:me|us|please|pls|now)\b|\bopt(?:ing|ed)? (?:me |us )?out\b|\bsign me off\b",
        # please stop, stop it now, you need to stop
        r"\bplease (?:just )?(?:stop|quit|cease|unsubscribe)$",
        r"^(?:just |pls |please |you (?:need to|must|should) )*(?:stop|quit|unsubscribe)"
        r"(?: it| this| now| that| please| pls| already| immediately| thanks| thank you| thx)*$",
        rf"\b(?:stop|quit|cease|enough) (?:sending|{REACHING})\b",
        rf"\b(?:stop|quit|cease) (?:the |these |those |your |all )+(?:{REACH}s?|{REACHING})\b",
        r"\bcease and desist\b",
        # wrong number
        r"\bwrong (?:number|person|phone)\b",
        r"\bleave me alone\b|\blose my number\b|\bgo away\b|\b(?:piss|fuck) off\b",
        rf"\b(?:revoke|revoking|withdraw|withdrawing) {CONSENT}\b",
        # Spanish: alto, no me llame, numero equivocado
        r"^(?:por favor )?(?:alto|parar|pare|basta|cancelar|detener|no mas)(?: por favor)?$",
        r"\bno (?:me )?(?:llamen?|escriban?|manden?|contacten?|molesten?)\b",
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
