"""A good inquiry, from which tests leave out or replace what they are about."""

CONSULT = {
    "lead_type": "patient",
    "first_name": "Test",
    "last_name": "Alpha",
    "phone": "+15125550101",
    "email": "alpha@example.org",
    "zip": "78704",
    "service": "ortho",
    "preferred_clinic": "aus",
    "timing": "two_weeks",
    "request": "appointment",
    "payer": "ppo",
    "age": 45,
    "for_whom": "self",
    "consent": ["voice", "sms", "email"],
}
