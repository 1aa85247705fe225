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
NOT = r"(?:not|dont|don t|doesnt|didnt|never|no longer|wont|cant|stopped|no)"
ACT = "(?:call|text|write|e ?mail|message|contact|reach|ask|say|tell|reply|respond|answer|need|want|decide|get|let)"
MAYBE = tuple(
    re.compile(pattern)
    for pattern in (
        # words of ending, wherever they stand
        r"\b(?:stop(?:s|ped|ping)?|quit(?:s|ting)?|end(?:s|ed|ing)?|revok(?:e|es|ed|ing)|cancel(?:s|l?ed|l?ing)?"
        r"|unsubscrib(?:e|es|ed|ing)|opt(?:ing|ed)? ?out|cease|remove|withdraw|delete|block(?:ed|ing)?|silence|mute)\b",
        # that it was enough: no more of this, that's enough, don't … anymore, too many of these
        rf"\bno more\b|\b(?:thats|that is|had|quite|more than) enough\b|\benough (?:of|already|now|is|with)\b"
        rf"|^enough\b|\b{NOT}\b.*\b(?:any ?more|again)\b|\btoo (?:many|much|often)\b",
        # that the next word is theirs: until I call you, unless I ask, I'll be the one to reach out
        rf"\b(?:until|till|unless) (?:i|we)(?: (?:\w+ )?{ACT}| m\b| am\b| re\b| are\b)"
        rf"|\bi(?:ll| will| d rather| would rather| prefer to) (?:be the one|do the (?:call|contact|reach)ing)\b",
        # that it is not wanted, or was never allowed
        rf"\b{NOT} (?:\w+ )?(?:interested|interest|want(?:ed)?|wish|like|appreciate|consent|agree|authorize|subscribe"
        r"|sign(?:ed)? up|request(?:ed)?|ask(?:ed)? (?:for|to|you))\b"
        rf"|\b{NOT} (?:\w+ )?need (?:this|these|those|it|you|your|to|any ?more)\b|\brather (?:you|not)\b"
        r"|\bunwanted\b|\bno thanks?\b|\b(?:who gave|where did|how did) you (?:get )?(?:my|this|our)\b|\blose this\b",
        # that they want peace
        r"\b(?:leave|let) (?:me|us|my family) (?:be|alone|in peace)\b|\b(?:back|lay|hold|buzz|knock (?:it|this)) off\b"
        r"|\bcut (?:it|this) out\b|\b(?:take|give (?:it|me|this|us)) a (?:break|rest)\b|\bpause\b",
        # that it troubles them, or what they will do about it
        r"\b(?:spam\w*|harass\w*|annoy\w*|pester\w*|bother(?:s|ing|ed)?|unsolicited|scam\w*|fcc|attorney general"
        r"|lawyer|sue|complaint)\b|\breport(?:ing)? (?:you|this)\b",
        # Spanish: no quiero, ya no, dejen de, hasta que yo llame
        r"\b(?:no quiero|ya no|no mas|deje[ns]? de|dejar de|hasta que (?:yo|les|le)|no me interesa|interesad[oa])\b",
    )
)


def fold_text(text: str) -> str:
    """Return the words alone: lower case, no punctuation, single spaces."""
    lowered = text.lower().replace("’", "'").translate(ACCENTS)
    without = re.sub(r"(?<=\w)'(?=\w)", "", lowered)
    return " ".join(re.sub(r"[^a-z0-9]+", " ", without).split())


ACCENTS = str.maketrans("áéíóúüñ", "aeiouun")


def classify(text: str) -> str:
    """Return revoke, start, help, review or none.

    A stop word alone revokes; so does a plain request. Whatever a reasonable person might read as a wish to be left
    in peace is for a person to read, and permission waits until then [V02] (policy ambiguous_optout).
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
    is_unclear = any(pattern.search(words) for pattern in MAYBE)
    return Verdict.REVIEW.value if is_unclear else Verdict.NONE.value
