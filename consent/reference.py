"""The organisation's own part of consent: its legal entity, what its forms show, and the list it scrubbed against."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from consent.models import Disclosure, ListSnapshot, Seller
from consent.models.ledger import PEWC_ELEMENTS
from consent.vocabulary import GrantChannel, Level, ListKind, Purpose

# The six parts of prior express written consent [64.1200(f)(9)] in one paragraph beside the boxes of a form.
FORM_TEXT = (
    "☐ Calls ☐ Texts ☐ E-mail — By ticking a box and pressing “Send” I sign electronically and agree that {seller} may "
    "contact me at the phone number and e-mail address I gave, with information about my request and with marketing, "
    "also by an automatic telephone dialling system, by texts and by artificial or prerecorded voice. This consent is "
    "not a condition of any purchase or treatment. Message and data rates may apply; message frequency varies. Reply "
    "STOP to end texts, HELP for help. I can withdraw at any time by any reasonable means."
)

# The same in Spanish; the boxes and the button are named as on the form.
FORM_TEXT_ES = (
    "☐ Llamadas ☐ Mensajes de texto ☐ Correos electrónicos — Al marcar una casilla y pulsar «Enviar» firmo "
    "electrónicamente y acepto que {seller} se comunique conmigo en el número de teléfono y la dirección de correo que "
    "di, con información sobre mi solicitud y con publicidad, también mediante un sistema automático de marcación "
    "telefónica, por mensajes de texto y con voz artificial o pregrabada. Este consentimiento no es condición de "
    "ninguna compra ni tratamiento. Pueden aplicarse tarifas de mensajes y datos; la frecuencia de los mensajes varía. "
    "Responda STOP para no recibir más mensajes de texto, HELP para pedir ayuda. Puedo retirarlo en cualquier momento "
    "por cualquier medio razonable."
)


def load(organisation: Mapping[str, object], *, at: datetime, with_scrub: bool = True) -> Disclosure:
    """Create the seller and its form disclosure, with its Spanish translation, and return that.

    `with_scrub` also notes the scrub that the file says was made, which is true of worked cases and demonstrations
    only: an organisation that works loads the registry's file.
    """
    name = str(organisation["seller"])
    seller, _ = Seller.objects.get_or_create(
        code=name.lower().replace(" ", "_"),
        defaults={
            "name": name,
            "postal_address": organisation["postal_address"],
            "timezone": organisation["timezone"],
            "is_sms_sender_registered": organisation["sms_sender_registered"],
        },
    )
    covers = {
        "seller": seller,
        "channels": GrantChannel.values,
        "purposes": [Purpose.MARKETING, Purpose.INFORMATIONAL],
        "level": Level.PEWC,
        "elements": list(PEWC_ELEMENTS),
    }
    form, text = {"code": "form", "version": 1}, FORM_TEXT.format(seller=name)
    disclosure, _ = Disclosure.objects.get_or_create(**form, language="en", defaults={"text": text, **covers})
    if disclosure.text == text:  # an organisation's own words have their own translation
        in_spanish = {"text": FORM_TEXT_ES.format(seller=name), **covers}
        Disclosure.objects.get_or_create(**form, language="es", defaults=in_spanish)
    if with_scrub:
        days = int(organisation["national_dnc"]["scrubbed_days_ago"])
        note_empty_scrub("reference", taken_at=at - timedelta(days=days))
    return disclosure


def note_empty_scrub(version: str, *, taken_at: datetime) -> None:
    """Note a scrub against the national list that found none of our numbers, as a reference organisation has."""
    ListSnapshot.objects.get_or_create(kind=ListKind.NATIONAL_DNC, version=version, defaults={"taken_at": taken_at})
