"""The channel of the demo: nothing leaves the house. The message row keeps the words; delivery is simulated."""

from __future__ import annotations

from nurture.channels.base import Channel, NotSent, Parcel, Receipt


class Sandbox(Channel):
    name = "sandbox"
    signs_headers = True
    group = 300

    def send(self, parcel: Parcel) -> Receipt:
        """Deliver at once; an address of the reserved `.invalid` domain is refused as a provider would."""
        if parcel.to.endswith(".invalid"):
            raise NotSent("The mailbox does not exist.")
        return Receipt(self.name, f"sandbox-{parcel.key}", is_delivered=True)
