"""A person stops the mails and says what they want by the links of a mail, without signing in or a script."""

from __future__ import annotations

from django.utils import timezone

from consent import gate
from consent.models import ConsentEvent
from leads import contact
from nurture import links
from nurture.links import Recipient
from tests.rows import NOW


def test_a_person_stops_the_mails_by_the_link(stage, send_in):
    lead = send_in()
    url = links.unsubscribe_url(Recipient(lead.email_id, lead.source.seller_id, lead.pk))
    page = stage.page(java_script_enabled=False)
    page.goto(url[url.index("/u/") :])
    assert gate.decide(contact.request_for(lead, "email"), at=NOW).allowed  # looking changes nothing
    stops = ConsentEvent.objects.filter(address=lead.email, kind="email_unsub")
    assert not stops.exists()
    page.get_by_role("button").click()
    page.wait_for_load_state()
    assert page.get_by_role("button").count() == 0  # one press, and nothing more to do
    assert stops.get().source == "preference_page"
    assert not gate.decide(contact.request_for(lead, "email"), at=timezone.now()).allowed


def test_a_person_says_what_they_want_by_the_link(stage, send_in):
    lead = send_in()
    url = links.preferences_url(Recipient(lead.email_id, lead.source.seller_id, lead.pk))
    page = stage.page(java_script_enabled=False)
    page.goto(url[url.index("/p/") :])
    page.get_by_label("No more texts").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="Thank you, your answers are saved.").wait_for()
    revoked = ConsentEvent.objects.get(address=lead.phone, kind="revoke")
    assert (dict(revoked.facts), revoked.source) == ({"only": ["sms"]}, "preference_page")
    assert not gate.decide(contact.request_for(lead, "sms"), at=timezone.now()).allowed
