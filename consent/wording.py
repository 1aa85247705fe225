"""What does a message from a person say about permission? Pure text rules, no tables [64.1200(a)(10), V01, V02]."""

from __future__ import annotations

import re
import unicodedata

from consent import quoting
from consent.vocabulary import GrantChannel, Verdict

STOP_WORDS = frozenset(
    {"stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe", "stopall", "stop all", "optout"}
)
HELP_WORDS = frozenset({"help", "info"})
START_WORDS = frozenset({"start", "unstop"})  # YES may answer a question, so it restarts nothing

ASKING = (Verdict.REVOKE.value, Verdict.REVIEW.value)  # the stricter first

REACH = r"(?:text|txt|message|msg|call|phone|ring|contact|e ?mail|mail|bother|bug|spam|harass|reach)"
REACHING = (
    r"(?:texting|messaging|messages|calling|calls|ringing|contacting|mailing|e ?mailing|bothering|harassing|spamming)"
)
CONSENT = r"(?:my |any |all )?(?:prior )?(?:consent|permission)"
MORE = r"(?:any ?more |more |these |those |the |all |your )*"
MY_NUMBER = r"(?:this (?:number|phone|cell)|my (?:number|phone|cell|home))"
MINE = r"my (?:number|name|phone|cell|info(?:rmation)?|contact|data|e ?mail(?: address)?|address)"
# what somebody does not want: contact, and not contact lenses, late visits or pain
NOT_WANT = r"\b(?:do not|dont|don t|never|no longer|not) (?:ever )?(?:want|wish|care)(?: for)?"
MESSAGES = (
    r"(?:(?:phone |text |voice |sms |marketing |promotional |automated )*"
    r"(?:calls|robocalls|texts|txts|messages|msgs|e ?mails|mails|sms|voicemails|newsletters?|ads|advertis\w+|marketing"
    r"|spam|solicitations?|notifications|communications?|contact(?! lens| with (?!you))))\b(?! left\b| to (?:go|be)\b)"
)
# a place among patients, which somebody may give up and still want to hear from us
PLACE = (
    r"(?: of)?(?: (?!lists?\b|and\b|or\b|text|call|contact|message|e ?mail)\w+){0,3}"
    r" (?:slots?|wait ?lists?|waiting lists?|cancellation lists?|standby(?: list)?|appointments?|appts?|visits?"
    r"|schedule|calendar|surgery|procedure|study|trial|program|class|insurance|plan|policy|med(?:ication)?s?"
    r"|[0-9]+ ?(?:am|pm))\b"
)
LIST = r"(?:(?!wait|cancellation|standby)\w+ )?lists?\b"
NO_SUCH = (  # "I got no texts" tells of something, "no texts" asks for it
    r"(?<!got )(?<!had )(?<!have )(?<!received )(?<!get )(?<!see )(?<!were )(?<!are )(?<!am getting )"
    r"\bno (?:phone |text )?(?:calls|texts|txts|messages|msgs|e ?mails|mails|sms)"
)

SPANISH_ACT = (
    r"(?:(?:llam|mand|contact|molest|marc|text)(?:e|es|en|ar|arme|arnos|ando|andome)|(?:envi|texte)(?:e|es|en|ar|arme|arnos)"
    r"|escrib(?:a|as|an|ir|irme|irnos))"
)
SPANISH_MESSAGES = r"(?:mensajes?|mensajitos|textos?|llamadas?|correos?|sms)"

PLAIN_REQUESTS = tuple(
    re.compile(pattern)
    for pattern in (
        # do not call, pls dont text me again, never contact us
        rf"\b(?:do not|dont|don t|never|no longer) (?:ever |please |pls |you )?{REACH}\b(?! about it)",
        rf"\b(?:do not|dont|don t|never) (?:ever )?send(?:ing)? (?:me |us )?{MORE}(?:{REACH}s?|anything)\b",
        r"\b(?:do not|dont|don t|never) (?:ever )?use (?:this|my|our) (?:number|phone|cell|e ?mail)\b",
        rf"\b(?:refrain|desist) from (?:\w+ )?(?:sending|{REACHING})\b",
        rf"^(?:please |pls |kindly )*discontinue(?: {MORE}(?:{REACH}s?|{REACHING}))?(?: please| pls| now)*$",
        r"^(?:please |pls |kindly )*(?:do not|dont|don t|never) send(?: me| us| any ?more| again| please| pls)*$",
        r"^(?:please |pls )*(?:do not|dont|don t) disturb(?: me| us| again| any ?more| please| pls)*$",
        rf"{NOT_WANT} (?:to (?:get|receive|have|see|be (?:sent|getting|receiving)) )?"
        rf"(?:any |more |your |these |those |all |further |such |of )*{MESSAGES}",
        rf"{NOT_WANT} to (?:ever )?(?:hear (?:anything |any more |more )*from (?:you|your|any)"
        rf"|be (?:on|in) (?:your|this|the|any) {LIST}"
        r"|be (?:contacted|texted|messaged|e ?mailed|phoned|bothered|reached|solicited|disturbed|harassed)\b"
        r"(?! with| by my)"
        r"|be called(?:$| (?:again|any ?more|ever|by you|at all|at|on|from|about|or|and|please)\b))",
        rf"{NOT_WANT} (?:you|your \w+|anyone|anybody) (?:to )?(?:ever )?(?:{REACH}|{REACHING})"
        rf"(?:$| (?:me|us|{MY_NUMBER}|any ?more|again)\b)",
        rf"{NOT_WANT} (?:anything|any more|more) (?:else |more )?(?:from|to do with) you",
        # you are not allowed to call me, you have no right to text me
        r"\b(?:no|not|never|dont|don t)(?: \w+){0,3} (?:right|permission|permitted|authori[sz]ed|authorization|allowed)"
        rf" to {REACH} (?:me|us|{MY_NUMBER})\b",
        rf"\byou (?:may|must|should) (?:not|never) (?!reach){REACH} (?:me|us|{MY_NUMBER})\b",
        # DNC, as who knows the word writes it
        r"^(?:please |pls )*dnc(?: me| list| please| pls)*$|\b(?:on|to) (?:your|the|a) (?:\w+ )?dnc\b",
        # no more texts, no calls please
        rf"\bno (?:more|further) {REACH}(?:s|es)?\b",
        rf"{NO_SUCH}(?: please| pls| thanks| thank you)?$",
        # take me off, remove me from your list, delete my number
        rf"\b(?:take|remove|delete|erase|drop|get(?! me from)|scratch) (?:me|us|{MINE}|this number|our number)"
        rf"(?! off hold\b| (?:off|from){PLACE})"
        r"(?:$| off\b| from\b| out of\b(?! (?:pain|bed|here))| please\b| pls\b| now\b)",
        rf"\boff (?:of )?(?:your|the|this) {LIST}",
        rf"\b(?:take|remove|get) (?:me |us )?(?:off|from) {LIST}",
        # I want my number removed, I asked to be removed, I want to be left alone
        rf"\b(?:want|like|need|have|get|having) (?:me|us|{MINE}|this number) (?:removed|deleted|erased|unsubscribed)\b"
        rf"(?! from{PLACE})",
        r"\b(?:want(?:ed)?|wish|like|need|prefer|demand(?:ed)?|ask(?:ed|ing)?|request(?:ed|ing)?) to be"
        rf" (?:removed|deleted|erased|unsubscribed|unlisted|opted out|left alone)\b(?! from{PLACE})",
        r"\b(?:want|wish|like|need) to unsubscribe\b(?! from (?:the|my|your) portal)|\bunlist (?:me|us|my)\b",
        # unsubscribe me, opt me out, sign me off
        r"\bunsubscribe (?:me|us|please|pls|now)\b|\bopt(?:ing|ed)? (?:me |us )?out\b|\bsign me off\b",
        r"^(?:please |pls |kindly )*unsu[a-z]*(?: me| us| please| pls| now)*$|^sto+p+$",
        # please stop, stop it now, you need to stop
        r"\bplease (?:just )?(?:stop|quit|cease|unsubscribe)$",
        r"^(?:just |pls |please |you (?:need to|must|should) )*(?:stop|quit|unsubscribe)"
        r"(?: it| this| now| that| please| pls| already| immediately| thanks| thank you| thx)*$",
        rf"\b(?:stop|quit|cease|enough) (?:sending|{REACHING})\b",
        rf"\b(?:stop|quit|cease) (?:the |these |those |your |all )+(?:{REACH}s?|{REACHING})\b",
        r"\bcease and desist\b",
        # wrong number
        r"\bwrong (?:number|num|nbr|person|phone|guy|man|woman|lady|girl|contact|recipient|party)\b",
        r"\bleave me alone\b|\blose my number\b|\bgo away\b|\b(?:piss|fuck) off\b",
        rf"\b(?:revoke|revoking|withdraw|withdrawing) {CONSENT}\b",
        # Spanish: alto, no me llames, quiteme de su lista, deme de baja, deje de escribirme, numero equivocado
        r"^(?:por favor )?(?:alto|parar|pare|(?:ya )?basta|cancelar|detener|no mas|baja)(?: ya)?(?: por favor)?$",
        rf"\bno (?:me |nos )?(?:vuelva[ns]? a )?{SPANISH_ACT}\b",
        rf"\bno (?:quiero |quiero recibir |deseo |deseo recibir )?mas {SPANISH_MESSAGES}\b",
        rf"^(?:por favor )?no {SPANISH_MESSAGES}(?: por favor| gracias)?$",
        r"\bno (?:quiero|quisiera|deseo)(?: recibir| tener)? (?:sus |tus |estos |estas |esos |esas |ningun\w* |mas )*"
        rf"{SPANISH_MESSAGES}\b",
        rf"\bno (?:quiero|quisiera|deseo) (?:ser (?:contactad|llamad|molestad)[oa]\b|que (?:me |nos )?{SPANISH_ACT}\b)",
        r"\bno (?:quiero|deseo) saber (?:mas |nada )+de (?:ustedes|uds|usted|ti)\b",
        r"\bno (?:tiene[ns]?|hay|les di|le di) (?:mi |ningun )?(?:permiso|autorizacion|consentimiento|derecho)"
        rf" (?:de|para|a) {SPANISH_ACT}\b",
        r"\b(?:quit|borr|elimin|sac|saqu)\w* mi (?:numero|nombre|telefono|celular|correo|contacto|informacion)\b",
        r"\b(?:quit|borr|elimin|sac|saqu|remuev)\w* (?:\w+ )*?"
        r"de (?:la|las|su|sus|tu|tus|esta|estas) (?:\w+ )?listas?\b(?! de (?:espera|citas?|cancela))",
        r"\b(?:quit|borr|elimin|sa[cq]u?|remuev)[ae]n?(?:me|nos)(?: ya| por favor)*$",
        r"\b(?:dar|de|den|da)(?:me|nos) de baja\b",
        rf"(?<!no )\b(?:dej(?:a|e|es|en)|pare[ns]?|para|ces(?:a|e|en)) de {SPANISH_ACT}\b",
        r"\b(?:detener|detenga[ns]?|pare[ns]?|cancelar|cancele[ns]?) "
        rf"(?:los |las |estos |estas |sus |tus |todos |todas )*{SPANISH_MESSAGES}\b",
        r"\bcancel(?:ar|e|en|a) (?:la |mi )?su[bs]?scripcion\b|\b(?:desu[bs]?|unsu)scri[bp]\w*",
        r"\bdej\w+ en paz\b|\b(?:numero|number|persona) (?:equivocad|incorrect|errone|errad)[oa]\b",
    )
)
NOT = r"(?:not|dont|don t|doesnt|didnt|never|no longer|wont|cant|stopped|no)"
ACT = "(?:call|text|write|e ?mail|message|contact|reach|ask|say|tell|reply|respond|answer|need|want|decide|get|let)"
MAYBE = tuple(
    re.compile(pattern)
    for pattern in (
        # words of ending, wherever they stand
        r"\b(?:stop(?:s|ped|ping)?|quit(?:s|ting)?|end(?:s|ed|ing)?|revok(?:e|es|ed|ing)|cancel(?:s|l?ed|l?ing)?"
        r"|unsub\w*|opt(?:ing|ed)? ?out|cease|desist|refrain|discontinu(?:e|ed|ing)|remove|withdraw|delete"
        r"|block(?:ed|ing)?|silence|mute)\b",
        # that it was enough: no more of this, that's enough, don't … anymore, too many of these
        rf"\bno more\b|\b(?:thats|that is|had|quite|more than) enough\b|\benough (?:of|already|now|is|with)\b"
        rf"|^enough\b|\b{NOT}\b.{{0,200}}\b(?:any ?more|again)\b|\btoo (?:many|much|often)\b",
        # that the next word is theirs: until I call you, unless I ask, I'll be the one to reach out
        rf"\b(?:until|till|unless) (?:i|we)(?: (?:\w+ )?{ACT}| m\b| am\b| re\b| are\b)"
        rf"|\bi(?:ll| will| d rather| would rather| prefer to) (?:be the one|do the (?:call|contact|reach)ing)\b",
        # that it is not wanted, or was never allowed
        rf"\b{NOT} (?:\w+ )?(?:interested|interest|want(?:ed)?|wish|like|appreciate|consent|agree|authorize|subscribe"
        r"|sign(?:ed)? up|request(?:ed)?|ask(?:ed)? (?:for|to|you))\b"
        rf"|\b{NOT} (?:\w+ )?need (?:this|these|those|it|you|your|to|any ?more)\b|\brather (?:you|not)\b"
        rf"|\b{NOT} (?:\w+ )?(?:gave|give|given)\b.{{0,200}}\b(?:permission|consent|number|info)\b"
        r"|\b(?:no|without)(?: my)? (?:permission|consent)\b"
        r"|\bunwanted\b|\bno thanks?\b|\b(?:who gave|where did|how did) you (?:get )?(?:my|this|our)\b|\blose this\b",
        # that somebody else has the number
        r"^(?:no |sorry |hi )*(?:this is not|this isnt|isnt) "
        r"(?!(?:a|an|the|my|his|her|our|it|that|what|why|how|when|in|on|at|for|so|too|very|just|really|yet|about|covered|urgent|serious|working|available|possible|true|right"
        r"|correct|good|great|ok|okay|fair|clear|enough|necessary|painful|bad|normal|new|easy|fun|open|free)\b)\w+"
        r"(?: \w+)?$"
        r"|\b(?:nobody|no body|no one) (?:here )?(?:by|with|named|called)\b|\bnot (?:my|the right) (?:number|person)\b"
        r"|\bwrong (?:one|family|house|place)\b",
        # that they want out, or give up a place, or one way of reaching them
        r"\b(?:take|drop|scratch) (?:me|us|my \w+) (?:off(?! hold)|from)\b|\bwant out\b(?! of)"
        r"|^removed(?: please| pls)?$|(?<!dont )(?<!not )\bforget (?:me|us)\b|\bdnc\b|\bto be removed\b"
        rf"|{NO_SUCH}\b(?! (?:yet|came|come|from|arrived|so far|today)\b)"
        r"|\b(?:prefer|rather)\b.{0,200}\bno (?:text|call|e ?mail)s?\b"
        r"|\b(?:do not|dont|don t|never) send\b(?! (?:it|the|my|a|an|that|this)\b)"
        r"|(?<!if )(?<!why )(?<!when )\byou (?:cant|cannot|can not) (?:call|text|contact|e ?mail)"
        rf" (?:me|us|{MY_NUMBER})\b",
        # that they want peace
        r"\b(?:leave|let) (?:me|us|my family) (?:be|alone|in peace)\b|\b(?:back|lay|hold|buzz|knock (?:it|this)) off\b"
        r"|\bcut (?:it|this) out\b|\b(?:take|give (?:it|me|this|us)) a (?:break|rest)\b|\bpause\b",
        # that it troubles them, or what they will do about it
        r"\b(?:spam\w*|harass\w*|annoy\w*|pester\w*|bother(?:s|ing|ed)?|unsolicited|scam\w*|fcc|attorney general"
        r"|lawyer|sue|complaint)\b|\breport(?:ing)? (?:you|this)\b",
        # Spanish: no quiero, ya no, dejen de, basta, hasta que yo llame, no soy yo
        r"\b(?:no quiero|no deseo|ya no|no mas|deje[ns]? de|dejar de|basta|hasta que (?:yo|les|le)|no me interesa"
        r"|interesad[oa]|no autor\w+|no consient\w+|sin (?:mi )?permiso|no (?:le|les|te) di|acos\w+|denunci\w+"
        r"|no (?:mensajes|textos?|llamadas|correos|sms)|(?:quit|borr|elimin|sa[cq]u?)[ae]n?(?:me|nos) de"
        r"|demandar\w*|no me llamo|no soy (?:esa?|ella|el|yo|la persona)|darse de baja)\b",
    )
)


def fold_text(text: str) -> str:
    """Return the words alone: lower case, plain letters, no punctuation, single spaces; a stop sign says stop."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.replace("’", "'")) if not _is_mark(c))
    plain = NUMBER_SIGN.sub(" number ", plain)
    for sign in STOP_SIGNS:
        plain = plain.replace(sign, " stop ")
    without = re.sub(r"(?<=\w)'(?=\w)", "", plain.lower())
    words = " ".join(re.sub(r"[^a-z0-9]+", " ", without).split())
    return GLUED.sub(lambda found: found[0].replace("not", " not").replace("more", " more"), words)


STOP_SIGNS = "🛑🚫⛔"
NUMBER_SIGN = re.compile(r"(?<=wrong )#|#(?= ?(?:equivocad|incorrect|errad))", re.IGNORECASE)
SOMEBODY_ELSE = re.compile(r"\b(?:I['’]?m|I am) not (?!Sure\b|Ready\b|Available\b|Interested\b|I\b)[A-Z][a-z]+")
GLUED = re.compile(r"\b(?:donot|nomore)\b")


def _is_mark(character: str) -> bool:
    """Accents that stand apart after decomposition, and what nobody sees."""
    return unicodedata.category(character) in ("Mn", "Cf")


def _is_nearly(word: str, wanted: str) -> bool:
    """One letter too many, too few, another, or two that changed places."""
    if abs(len(word) - len(wanted)) > 1:
        return False
    same = next((n for n, (a, b) in enumerate(zip(word, wanted, strict=False)) if a != b), min(len(word), len(wanted)))
    rest, other = word[same:], wanted[same:]
    swapped = other[1:2] + other[:1] + other[2:]
    return rest[1:] == other[1:] or rest[1:] == other or rest == other[1:] or rest == swapped


def classify(text: str) -> str:
    """Return revoke, start, help, review or none.

    A stop word alone revokes; so does a plain request, which says that contact is what it does not want. Whatever a
    reasonable person might read as a wish to be left in peace is for a person to read, and permission waits until then
    [V02] (policy ambiguous_optout).
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
    is_unclear = any(pattern.search(words) for pattern in MAYBE) or _is_nearly(words, "stop")
    is_unclear = is_unclear or _is_nearly(words, "unsubscribe") or bool(SOMEBODY_ELSE.search(text))
    return Verdict.REVIEW.value if is_unclear else Verdict.NONE.value


def understand(text: str, channel: str) -> str:
    """Classify a message that came on a channel; of a mail, the person's own words alone.

    Who writes "Unsubscribe" and signs below it has said it as plainly as with one word, so each paragraph of a mail
    counts by itself too. Where nothing stands above a quote, what is in it may be ours or theirs: a person reads it.
    """
    if channel != GrantChannel.EMAIL:
        return classify(text)
    parts = quoting.take_apart(text)
    if not parts.own.strip():
        return Verdict.NONE.value if classify(parts.below) not in ASKING else Verdict.REVIEW.value
    whole = classify(parts.own)
    heard = {whole, *map(classify, parts.paragraphs)}
    return next((verdict for verdict in ASKING if verdict in heard), whole)
