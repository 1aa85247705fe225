"""How dates and times read in English: short, and the same in every list; a line breaks between them at most."""

DATE_FORMAT = SHORT_DATE_FORMAT = "M\xa0j,\xa0Y"
TIME_FORMAT = "g:i\xa0A"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "M\xa0j,\xa0Y, g:i\xa0A"
