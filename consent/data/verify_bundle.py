#!/usr/bin/env python3
"""Check an evidence bundle with nothing but Python's standard library: python3 verify.py (in the unpacked folder).

Prints one line per check and exits 1 if one fails. What is checked: every file is the one that was exported; each
event is hashed over the one before it, from the beginning of this address's chain to the head; the personal values
are the ones that the chain commits to; each text shown is the one whose hash the events carry.
"""

import hashlib
import json
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def load(name):
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def canonical(fields):
    """Each field as name:length:value; the length of an empty field is a dash, so nothing can be shifted."""
    lines = []
    for name, value in fields:
        length = "-" if value is None else str(len(value.encode()))
        lines.append(f"{name}:{length}:{value or ''}\n")
    return "".join(lines)


def check_files():
    for name, expected in load("manifest.json").items():
        actual = hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()
        yield f"file {name}", actual == expected


def check_chain():
    chain, events = load("chain.json"), load("events.json")
    before = sha256("medcrm consent chain of " + chain["keyed_hash"])
    for place, event in enumerate(events, start=1):
        fields = dict(event["hashed"])
        is_linked = event["prev_hash"] == before and int(fields["seq"]) == place
        is_hashed = event["hash"] == sha256(event["prev_hash"] + "\n" + canonical(event["hashed"]))
        yield f"link {place} ({fields['kind']}, {fields['occurred_at']})", is_linked and is_hashed
        before = event["hash"]
    yield "head of the chain", not events or before == chain["head_hash"]


def check_values():
    for place, event in enumerate(load("events.json"), start=1):
        if event["values"] is None:
            yield f"values of link {place}: erased on request, only the commitment is left", True
        else:
            said = event["values"]["salt"] + event["values"]["body"]
            yield f"values of link {place}", sha256(said) == dict(event["hashed"])["commitment"]


def check_disclosures():
    shown = {entry["id"]: (FOLDER / entry["file"]).read_bytes() for entry in load("disclosures.json")}
    for place, event in enumerate(load("events.json"), start=1):
        fields = dict(event["hashed"])
        if fields["disclosure_id"]:
            text = shown.get(fields["disclosure_id"], b"")
            yield f"text shown at link {place}", hashlib.sha256(text).hexdigest() == fields["shown_sha256"]


def main():
    failed = 0
    for check in (check_files, check_chain, check_values, check_disclosures):
        for what, holds in check():
            sys.stdout.write(("holds   " if holds else "BROKEN  ") + what + "\n")
            failed += not holds
    sys.stdout.write(f"{failed} broken\n" if failed else "Everything holds.\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
