"""Plain requests to stop are understood, harmless words are not, and the rest waits for a person."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.wording import STOP_WORDS, classify

STOP = """STOP|Stop!|stop.|pls don't text me again|Please remove me from your text list|opt out|Opt-Out.
S.T.O.P|please stop|please stop texting me|take me off|Take me off your list|do not call
stop texting|wrong number|do not call me before 9|No more texts please|leave me alone
I don't want any more messages|Don’t call me again|Please don't contact me|QUIT|quit calling me
unsubscribe please|stop it|STOP PLEASE|Alto|I do not want to be contacted|STOPALL|stop all|optout
Revoke|Stop sending me messages|End|cancel|Unsubscribe|you have the wrong number
unsub|unsubcribe|STOPP|Stooop!!|discontinue|kindly refrain from texting me|do not use this number|take off list
donot call|no txts pls|nomore texts|no phone calls please|wrong guy|you have the wrong lady|🛑|ＳＴＯＰ|st\u200bop
No me llames|No me mandes mensajes|no me escribas más|no envíen más mensajes|Quítame de la lista|no me vuelva a llamar
Bórrenme de su lista|Darme de baja|BAJA|Pare de enviarme mensajes|Detener mensajes|Cancelar suscripción|Quíteme
déjeme en paz|Número incorrecto|Persona equivocada|No llamar|ya basta|dejen de llamarme|no quiero más mensajes
never text this number again|stop these messages|Remove me|remove my number|Delete my number
Don't send me any more texts|I revoke my consent|no me llamen|No más|número equivocado
unsubscribe me|no more calls|get me off this list|Stop the texts|lose my number|don't reach out unless I ask
I would like to be removed from your list|I asked to be removed|I want my number removed|I'd like to be removed
please have me removed|DNC|dnc please|Do not disturb|wrong #|wrong num|you got the wrong #|please don't send|Do not send
you are not allowed to call me|you may not text me|you have no right to call me|erase my number|please unlist me
I don't want to receive these messages|I don't want your calls|I do not want to hear from you|I don't want emails
don't want to be called|I do not wish to be contacted|do not wish to receive calls|do not want these texts
I never want to hear from you again|I no longer want to receive these messages|I don't want you to call me
I don't want to be on your list|I want to be left alone|I want to unsubscribe|remove my name from your list
No quiero recibir mensajes|no quiero que me llamen|No quiero sus llamadas|no deseo recibir correos|no mensajes por favor
quiero que me quiten de la lista|Quiero que borren mi número|no tienen permiso para llamarme|#equivocado"""
READ = """can you stop by the front desk tomorrow|I want to cancel my appointment on Friday
when does the program end?|I can't stop thinking about my knee|I quit smoking|please don't stop
not interested|how do I unsubscribe from the portal|Do I need to stop my medication before surgery?
end of the week works|pls no more of this until I call you|that's enough|I've had enough of these
not until I say so|I'll be the one to reach out|no thank you|Not again please
too many messages from you|give it a rest|hold off until I get back to you|this is harassment
I didn't ask for these|I never signed up for this|who gave you my number|I do not consent
This is not Ana|I'm not Ana|I never gave you permission|you have the wrong one|STPO|stip|how do I unsubscribe here
discontinue my medication?|no me llamo Ana|no soy la persona|no deje de llamarme|no autorizo esto|cómo darse de baja
nobody by that name here
I no longer need this|I'd rather you didn't|I don't want this anymore|I will report you|ya no, gracias
no texts, just call|I prefer calls, no text|text me, no calls ok?|You can't call this number
removed please|forget me|I want out
I don't want to be late on Tuesday, where do I park?|I don't want these symptoms|I don't want any more pain
I don't want contact lenses|I don't want to get a call at work, can you text?|don't want to be called Bob, I'm Rob
remove me from the waitlist|remove me from the waiting list|take me off the 3pm slot|remove me from the 3pm appointment
take me off the schedule for Tuesday|I want to be removed from the study|take me off the cancellation list
no quiero más dolor|no quiero llegar tarde|quítenme de la cita del martes|Quíteme de la lista de espera
bórreme de la agenda|prefiero llamadas, no mensajes"""
NOTHING = """what is the price?|take me to the front desk|get me in tomorrow|YES|who is this
Thanks, don't worry about it|can you call me tomorrow|I never got a text|you never called me|ok
my weekend is free|Please call me||👍|I'll call you tomorrow|call me again please|No, Tuesday is better
I don't need a referral, right?|I would like to know more|I don't have a car|do I fast before I come in?
this is not urgent|this is not working|I'm not diabetic|I'm not Sure|I got no texts|there were no calls
No me llamaron ayer|¿Por qué no me llaman?|no puedo llamar ahora|para llamar, ¿qué número?|quiero quitarme un lunar
sacarme una muela|tengo la presión baja|estoy de baja médica|no me duele|no soy alérgica|Sí, por favor
¿Cuándo me llaman?|me duele la espalda|gracias, ¿a qué hora?|step by step|the top one|spot on
I can't make it at 3|no problem|I am not sure yet|is it much too early?|can you hold the slot until Friday?
I had a mole removed|I want my stitches removed|can the cyst be removed?|I asked to be seen on Friday
I want to be called|am I not allowed to eat?|do not disturb sign|take me off hold
Can you get me from the station|room #4|put me on the list|I have no messages on the portal
no email yet|if you can't call me, text|please don't send the bill yet|quiero que me quiten un lunar
no tengo permiso para salir del trabajo|no hay mensajes|borre mi cita"""


def lines(text: str) -> list[str]:
    return [part for line in text.splitlines() for part in line.split("|")]


@pytest.mark.parametrize("text", lines(STOP))
def test_a_request_to_stop_is_understood(text: str) -> None:
    assert classify(text) == "revoke"


@pytest.mark.parametrize("text", lines(READ))
def test_what_might_be_one_waits_for_a_person(text: str) -> None:
    assert classify(text) == "review"


@pytest.mark.parametrize("text", lines(NOTHING))
def test_anything_else_changes_nothing(text: str) -> None:
    assert classify(text) == "none"


@pytest.mark.parametrize(
    ("text", "verdict"), [("Help", "help"), ("INFO?", "help"), ("start", "start"), ("Unstop", "start")]
)
def test_help_and_start(text: str, verdict: str) -> None:
    assert classify(text) == verdict


@given(
    word=st.sampled_from(sorted(STOP_WORDS)),
    cases=st.lists(st.booleans(), min_size=12, max_size=12),
    around=st.sampled_from(["", " ", "!", "...", "\u200b", "\n", " 👍"]),
    is_wide=st.booleans(),
)
def test_a_stop_word_alone_revokes_however_it_is_typed(
    word: str, cases: list[bool], around: str, is_wide: bool
) -> None:
    typed = "".join(c.upper() if up else c for c, up in zip(word, cases, strict=False))
    if is_wide:
        typed = "".join(chr(ord(c) + 0xFEE0) if c != " " else c for c in typed)
    assert classify(f"{around}{typed}{around}") == "revoke"


@given(place=st.integers(0, 9), letter=st.sampled_from("abcxyz"), word=st.sampled_from(["stop", "unsubscribe"]))
def test_a_slip_of_the_finger_is_never_ignored(place: int, letter: str, word: str) -> None:
    place %= len(word)
    slips = {
        word[:place] + word[place + 1 :],
        word[:place] + letter + word[place:],
        word[:place] + letter + word[place + 1 :],
        word[:place] + word[place + 1 : place + 2] + word[place : place + 1] + word[place + 2 :],
    }
    assert {classify(slip) for slip in slips} <= {"revoke", "review"}


PERSONS = {
    "llam": "e es en ar arme",
    "mand": "e es en ar arme",
    "escrib": "a as an ir irme",
    "molest": "e es en ar arme",
}
WAYS = ["no {}", "No me {} más", "por favor no nos {}", "dejen de {}", "ya no me {} por favor", "NO ME {}!!"]


@pytest.mark.parametrize(
    ("way", "verb"), [(way, stem + end) for way in WAYS for stem, ends in PERSONS.items() for end in ends.split()]
)
def test_a_spanish_request_is_understood_in_every_form(way: str, verb: str) -> None:
    assert classify(way.format(verb)) == "revoke"
