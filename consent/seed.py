"""Which rules does a new database start with? The state table and policy of contact_rules 4 and 11, as rows."""

from __future__ import annotations

from datetime import date, time
from typing import Any

VERIFIED = date(2026, 11, 23)
AUTOMATED = ["voice_autodial", "voice_prerecorded", "voice_ai", "sms"]
RECORDED = ["voice_prerecorded", "voice_ai"]

Hours = tuple[int, int] | None

# state: (Monday to Friday, Saturday, Sunday, what else, source); hours local, end exclusive. "?" = to be verified.
STATES: dict[str, tuple[Hours, Hours, Hours, dict[str, Any], str]] = {
    "AL": ((8, 20), (8, 20), None, {"holidays": True, "verify": True, "notes": "Scope disputed (utilities only?); "
           "the observed day counts."}, "https://www.dropcowboy.com/state-compliance ; Ala. r. 770-X-5-.17"),
    "CA": ((8, 21), (8, 21), (8, 21), {"notes": "Recorded devices: natural-voice introduction and consent (PUC 2874); "
           "some tables say 9-21 for devices."}, "Cal. PUC 2874"),
    "CT": ((9, 20), (9, 20), (9, 20), {"text": True, "manual_pewc": True, "presume": True, "notes": "Written consent "
           "for any sales call; identify within 10 seconds; ask to continue."},
           "https://www.manatt.com/insights/newsletters/tcpa-connect/connecticut-senate-bill-1058"),
    "FL": ((8, 20), (8, 20), (8, 20), {"cap": (3, 24), "text": True, "presume": True, "notes": "Written consent for "
           "automated selection and dialling (501.059); 15-day STOP cure before text suits."},
           "Fla. Stat. 501.616(6) https://www.lawserver.com/law/state/florida/statutes/florida_statutes_501-616"),
    "IN": ((8, 21), (8, 21), (8, 21), {"overlay": ((9, 20), (9, 20), (9, 20)), "verify": True,
           "notes": "Automated devices 9-20."}, "IC 24-5-14-8"),
    "KY": ((10, 21), (10, 21), (10, 21), {"notes": "Latest start in the US; automated equipment needs consent."},
           "KRS 367.46955 https://self-law.org/code/ky/chapter-367/367-46955"),
    "LA": ((8, 20), (8, 20), None, {"holidays": True, "emergency": True, "text": True, "notes": "Proclaimed extra "
           "holidays need a feed."}, "https://dnc.com/holiday-alerts?year=2023 ; "
           "https://mslawgroup.com/louisiana-declares-state-of-emergency/"),
    "ME": ((8, 21), (8, 21), (8, 21), {"overlay": ((9, 17), None, None), "cap": (1, 8), "cap_automated": True,
           "notes": "Automated contact on weekdays only."},
           "10 M.R.S. 1498(3) https://legislature.maine.gov/legis/bills/bills_121st/billtexts/LD039201-1.asp"),
    "MD": ((8, 20), (8, 20), (8, 20), {"cap": (3, 24), "text": True, "notes": "Written consent for automated "
           "selection or dialling."}, "Md. Com. Law 14-4502 https://lexace.ai/us/statute/maryland/CL-14-4502"),
    "MA": ((8, 20), (8, 20), (8, 20), {"notes": "No recorded-message calls."}, "201 CMR 12.02 "
           "https://regulations.justia.com/states/massachusetts/201-cmr/title-201-cmr-12-00/section-12-02"),
    "MI": ((9, 21), (9, 21), (9, 21), {"verify": True, "notes": "Disputed; SB 351 pending."},
           "https://www.dropcowboy.com/state-compliance"),
    "MN": ((9, 21), (9, 21), (9, 21), {"verify": True, "notes": "Disputed (325E.30 may be device-only)."},
           "https://www.dropcowboy.com/state-compliance"),
    "MS": ((8, 20), (8, 20), None, {"text": True, "notes": "Holiday ban repealed 2024; the statute's times are "
           "Central."}, "Miss. Code 77-3-723 https://getpocketlaw.com/law/state_mississippi/"
           "section-77-3-723-rules-for-authorized-calls_57b73fa7ff73"),
    "NE": ((8, 21), (8, 21), (8, 21), {"overlay": ((8, 21), (8, 21), (13, 21)), "overlay_channels": RECORDED,
           "overlay_holiday": True, "verify": True, "notes": "Recorded calls on Sundays and holidays 13-21."},
           "https://leadmanagerhelp.clickpointsoftware.com/en/articles/5753977-state-calling-hours"),
    "NV": ((9, 20), (9, 20), (9, 20), {"verify": True, "notes": "Another table says federal hours."},
           "NRS 598.0918(3)"),
    "NJ": ((8, 21), (8, 21), (8, 21), {"mobile": True, "notes": "Name, seller's phone and purpose within 30 "
           "seconds."}, "N.J.S.A. 56:8-128, -130 http://www.lemonlawclaims.com/new_jersey_do_not_call_list_law.htm"),
    "NM": ((9, 21), (9, 21), (9, 21), {}, "NMSA 57-12-22 https://www.dropcowboy.com/state-compliance"),
    "NY": ((8, 21), (8, 21), (8, 21), {"text": True, "emergency": True, "verify": True, "notes": "Calls barred in "
           "declared emergencies (5-a)."}, "GBL 399-z https://legislation.nysenate.gov/pdf/laws/GBS399-Z/"),
    "OK": ((8, 20), (8, 20), (8, 20), {"cap": (3, 24), "text": True, "presume": True, "notes": "Written consent for "
           "automated selection or dialling."}, "15 O.S. 775C "
           "https://self-law.org/code/ok/title-15-contracts/15-775c-2 ; https://dnc.dreamhosters.com/?p=1309"),
    "OR": ((8, 20), (8, 20), (8, 20), {"cap": (3, 24), "cap_spares": True, "text": True, "presume": True,
           "notes": "No cap with an established relationship."},
           "HB 3865 https://postscript.io/blog/oregon-house-bill-3865"),
    "PA": ((9, 19), (9, 19), None, {"holidays": True, "text": True, "verify": True, "notes": "Strict row from SB 992; "
           "before it 8-21 and no legal holidays."}, "PA Act 73 of 2019 https://www.jenkinslaw.org/blog/2019/12/03/"
           "amendments-pennsylvanias-telemarketer-registration-act-effective-today"),
    "RI": ((9, 18), (10, 17), None, {"holidays": True, "notes": "State and federal holidays; Victory Day."},
           "R.I. Gen. Laws 5-61-2(2) https://instalawyer.io/laws/rhode-island-general-laws/section-5-61-2-definitions"),
    "SD": ((9, 21), (9, 21), None, {"verify": True, "notes": "Another table says federal hours."},
           "SDCL 37-30A-3(2)"),
    "TX": ((9, 21), (9, 21), (12, 21), {"text": True, "notes": "Chapter 302 registration unless consent-based."},
           "Tex. Bus. & Com. 301.051 https://tcss.legis.texas.gov/resources/bc/htm/bc.301.htm"),
    "UT": ((8, 21), (8, 21), None, {"holidays": True, "exempts": True, "notes": "The statute exempts prior express "
           "consent; not used. Pioneer Day."}, "Utah Code 13-25a-103(3) "
           "https://codes.findlaw.com/ut/title-13-commerce-and-trade/ut-code-sect-13-25a-103/"),
    "VA": ((8, 21), (8, 21), (8, 21), {"text": True, "presume": True, "notes": "Any VA area code, businesses too; "
           "opt-outs for 10 years."}, "SB 1339 https://www.mondaq.com/unitedstates/privacy-protection/1738886/"),
    "WA": ((8, 20), (8, 20), (8, 20), {"notes": "End the call within 10 seconds on request; RCW 19.190.060 bars "
           "commercial texts without consent."}, "RCW 19.158.040 https://app.leg.wa.gov/RCW/default.aspx?cite=19.158.040"),
    "WY": ((8, 20), (8, 20), (8, 20), {"notes": "Automated dialling needs a screened list."},
           "W.S. 40-12-303 https://lexace.ai/us/statute/wyoming/40-12-303"),
}  # fmt: skip

OFFICER = "Compliance officer"

# code: (value, fixed, reason)
POLICIES: dict[str, tuple[object, bool, str]] = {
    "informational_from": ("08:00", False, "Nobody is called earlier, whatever the purpose."),
    "informational_until": ("21:00", False, "Nobody is called later, whatever the purpose."),
    "marketing_cap": (3, False, "The strictest state's number, in every state. Empty means no cap, 0 none at all."),
    "marketing_cap_hours": (24, False, "The strictest states' window."),
    "healthcare_daily_cap": (1, False, "47 CFR 64.1200(a)(9)(iv)."),
    "healthcare_weekly_cap": (3, False, "47 CFR 64.1200(a)(9)(iv)."),
    "rnd_recheck_days": (30, False, "Carriers report monthly."),
    "rnd_required_after_days": (90, False, "A number may be given out again 45 days after it was disconnected."),
    "dnc_scrub_max_age_days": (31, False, "47 CFR 64.1200(c)(2)(i)(D)."),
    "ebr_purchase_months": (18, False, "47 CFR 64.1200(f)(5)."),
    "ebr_inquiry_months": (3, False, "47 CFR 64.1200(f)(5)."),
    "confirmation_minutes": (5, False, "47 CFR 64.1200(a)(12); later ones must be justified, so none is sent."),
    "exempt_max_chars": (160, False, "47 CFR 64.1200(a)(9)(iv)(C)."),
    "exempt_max_seconds": (60, False, "47 CFR 64.1200(a)(9)(iv)(C)."),
    "abandon_rate_max": (0.03, False, "47 CFR 64.1200(a)(7)."),
    "answer_within_days": (30, False, "Section 19 names no end; what is said later begins a talk, it answers none."),
    "contact_stopped": (False, False, "For an emergency, and after a restore: nobody is contacted until it is lifted."),
    "sms_is_automated": (True, True, "State statutes and carriers ask for consent; federal law is unsettled."),
    "pewc_for_all_automated_marketing": (True, True, "Oral consent is enough in three states only."),
    "hours_apply_with_consent": (True, True, "The EIA petition is undecided and suits go on."),
    "window_end_exclusive": (True, True, "A call at the very end of the window runs past it."),
    "zone_and_state_intersection": (True, True, "An area code is only a sign of where the person is."),
    "unknown_tz": ("deny", True, "Without a zone no hour can be shown to be lawful."),
    "revocation_latency": (0, True, "The law allows ten business days; nobody should wait for them."),
    "revocation_scope_default": ("all", True, "No answer to a clarification means everything, 64.1200(a)(12)."),
    "opt_out_expiry": ("never", True, "Virginia asks for ten years, FCC five; a hash costs nothing."),
    "ebr_for_sms": (False, True, "The DNC exception for texts is invitation or permission, FCC 23-107."),
    "state_consent_exemptions": ("unused", True, "Disputed and rarely needed."),
    "ambiguous_optout": ("hold for a person to read within one business day", True, "64.1200(a)(10), any means."),
    "fail_closed": (True, True, "An error or a missing fact is a no."),
    "gate_at_dispatch": (True, True, "What was permitted when it was planned may not be when it leaves."),
    "supervisor_override": ("never", True, "Opt-outs, reassigned numbers and health rules are not ours to waive."),
}  # fmt: skip


def install(calling_rule: Any, policy_setting: Any) -> None:
    """Write the rows that are missing; a row that stands, changed or not, is left alone."""
    known = set(calling_rule.objects.values_list("state", flat=True))
    calling_rule.objects.bulk_create(
        [calling_rule(**_fields(state, *row)) for state, row in STATES.items() if state not in known]
    )
    policy_setting.objects.bulk_create(
        [
            policy_setting(code=code, value=value, owner=OFFICER, reason=reason, is_fixed=is_fixed)
            for code, (value, is_fixed, reason) in POLICIES.items()
        ],
        ignore_conflicts=True,
    )


def _fields(
    state: str, weekday: Hours, saturday: Hours, sunday: Hours, more: dict[str, Any], source: str
) -> dict[str, Any]:
    cap_count, cap_hours = more.get("cap", (None, None))
    overlay = more.get("overlay")
    return {
        "state": state,
        **_week("", (weekday, saturday, sunday)),
        "bans_holidays": more.get("holidays", False),
        "bans_in_emergency": more.get("emergency", False),
        "has_overlay": overlay is not None,
        "overlay_channels": more.get("overlay_channels", AUTOMATED) if overlay else [],
        **_week("overlay_", overlay or (None, None, None)),
        "overlay_holiday_as_sunday": more.get("overlay_holiday", False),
        "cap_count": cap_count,
        "cap_hours": cap_hours,
        "cap_automated_only": more.get("cap_automated", False),
        "cap_spares_relationship": more.get("cap_spares", False),
        "covers_text": more.get("text", False),
        "manual_needs_pewc": more.get("manual_pewc", False),
        "mobile_sales_need_consent": more.get("mobile", False),
        "area_code_presumption": more.get("presume", False),
        "consent_exempts_hours": more.get("exempts", False),
        "notes": more.get("notes", ""),
        "source": source,
        "verified_on": VERIFIED,
        "needs_verification": more.get("verify", False),
        "reason": "First version, strict where sources differ.",
    }


def _week(prefix: str, week: tuple[Hours, Hours, Hours]) -> dict[str, time | None]:
    return {
        f"{prefix}{day}_{end}": time(window[index]) if window else None
        for day, window in zip(("weekday", "saturday", "sunday"), week, strict=True)
        for index, end in enumerate(("start", "end"))
    }
