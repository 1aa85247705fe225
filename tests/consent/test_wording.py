"""Plain requests to stop are understood, harmless words are not, and the rest waits for a person."""

from __future__ import annotations

import pytest

from consent.wording import classify

STOP = """STOP|Stop!|stop.|pls don't text me again|Please remove me from your text list|opt out|Opt-Out.
S.T.O.P|please stop|please stop texting me|take me off|Take me off your list|do not call
stop texting|wrong number|do not call me before 9|No more texts please|leave me alone
I don't want any more messages|Don’t call me again|Please don't contact me|QUIT|quit calling me
unsubscribe please|stop it|STOP PLEASE|Alto|I do not want to be contacted|STOPALL|stop all|optout
Revoke|Stop sending me messages|End|cancel|Unsubscribe|you have the wrong number
never text this number again|stop these messages|Remove me|remove my number|Delete my number
Don't send me any more texts|I revoke my consent|no me llamen|No más|número equivocado
unsubscribe me|no more calls|get me off this list|Stop the texts|lose my number|don't reach out unless I ask"""
READ = """can you stop by the front desk tomorrow|I want to cancel my appointment on Friday
when does the program end?|I can't stop thinking about my knee|I quit smoking|please don't stop
not interested|how do I unsubscribe from the portal|Do I need to stop my medication before surgery?
end of the week works|pls no more of this until I call you|that's enough|I've had enough of these
not until I say so|I'll be the one to reach out|no thank you|Not again please
too many messages from you|give it a rest|hold off until I get back to you|this is harassment
I didn't ask for these|I never signed up for this|who gave you my number|I do not consent
I no longer need this|I'd rather you didn't|I don't want this anymore|I will report you|ya no, gracias"""
NOTHING = """what is the price?|take me to the front desk|get me in tomorrow|YES|who is this
Thanks, don't worry about it|can you call me tomorrow|I never got a text|you never called me|ok
my weekend is free|Please call me||👍|I'll call you tomorrow|call me again please|No, Tuesday is better
I don't need a referral, right?|I would like to know more|I don't have a car|do I fast before I come in?
I can't make it at 3|no problem|I am not sure yet|is it much too early?|can you hold the slot until Friday?"""


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
