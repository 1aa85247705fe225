"""The client's own webhooks: where it is told of what, what was delivered, and once more what was not."""

from __future__ import annotations

from django.db.models import OuterRef, QuerySet, Subquery
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from gateway import outbox
from gateway.idempotency import Reply
from gateway.models import Delivery, Subscription, Try
from gateway.vocabulary import ScopeCode
from medcrm.api.base import ClientView
from medcrm.api.serializers.shown import CountSerializer
from medcrm.api.serializers.webhooks import (
    DeliverySerializer,
    ReplaySerializer,
    ResubscribeSerializer,
    SecretSerializer,
    SubscribeSerializer,
    SubscriptionSerializer,
)


class _Webhooks(ClientView):
    serializer_class = SubscriptionSerializer
    scopes = dict.fromkeys(("GET", "POST", "PATCH", "DELETE"), ScopeCode.WEBHOOKS)

    def get_queryset(self) -> QuerySet[Subscription]:
        return Subscription.objects.filter(client=self.request.auth.client_id)

    def row(self) -> Subscription:
        return get_object_or_404(self.get_queryset(), public_id=self.kwargs["webhook"])

    def with_secret(self, act) -> Response:  # noqa: ANN001 - () -> (Subscription, secret, status)
        """Answer with the secret the first time only: what is kept for a repeated request does not hold it."""
        shown = {}

        def without() -> Reply:
            row, shown["secret"], status = act()
            return Reply(status, {"webhook": str(row.public_id), "secret": ""})

        answer = self.once(without)
        answer.data = {**answer.data, "secret": shown.get("secret", "")}
        return answer


class WebhooksView(_Webhooks):
    filter_backends = ()
    is_list = True

    def get(self, request: Request) -> Response:
        """List the client's webhooks, newest first."""
        return self.listed(self.get_queryset(), SubscriptionSerializer)

    @extend_schema(request=SubscribeSerializer, responses={201: SecretSerializer})
    def post(self, request: Request) -> Response:
        """Subscribe a URL. The answer holds the signing secret, which is shown this once."""
        given = self.read(SubscribeSerializer)

        def act() -> tuple[Subscription, str, int]:
            row, secret = outbox.subscribe(request.auth.client_id, given["url"], given["events"], at=timezone.now())
            return row, secret, 201

        return self.with_secret(act)


class WebhookView(_Webhooks):
    def get(self, request: Request, webhook: str) -> Response:
        """Read one webhook."""
        return Response(SubscriptionSerializer(self.row()).data)

    @extend_schema(request=ResubscribeSerializer)
    def patch(self, request: Request, webhook: str) -> Response:
        """Change where it goes or what it tells."""
        given = self.read(ResubscribeSerializer)
        row = outbox.change_subscription(self.row().pk, at=timezone.now(), **given)
        return Response(SubscriptionSerializer(row).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, webhook: str) -> Response:
        """End it. What still waits is not sent; the log stays."""
        outbox.end_subscription(self.row().pk, because="DELETED", at=timezone.now())
        return Response(status=204)


class SecretView(_Webhooks):
    serializer_class = SecretSerializer

    @extend_schema(request=None, responses={200: SecretSerializer})
    def post(self, request: Request, webhook: str) -> Response:
        """Give a new signing secret; for a day both sign."""
        row = self.row()
        return self.with_secret(lambda: (row, outbox.rotate_secret(row.pk, at=timezone.now()), 200))


class DeliveryFilter(filters.FilterSet):
    class Meta:
        model = Delivery
        fields = ("state",)


class DeliveriesView(_Webhooks):
    serializer_class = DeliverySerializer
    is_list = True
    queryset = Delivery.objects.none()  # names the model to the description
    filterset_class = DeliveryFilter

    def get(self, request: Request, webhook: str) -> Response:
        """List what was and is to be delivered, newest first."""
        return self.listed(self.deliveries(), DeliverySerializer)

    def deliveries(self) -> QuerySet[Delivery]:
        last = Try.objects.filter(delivery=OuterRef("pk")).order_by("-pk")
        return (
            Delivery.objects.filter(subscription=self.row())
            .select_related("event", "lead")
            .annotate(last_status=Subquery(last.values("status")[:1]), last_code=Subquery(last.values("code")[:1]))
        )


class ReplayView(_Webhooks):
    serializer_class = CountSerializer

    @extend_schema(request=ReplaySerializer, responses={200: CountSerializer})
    def post(self, request: Request, webhook: str) -> Response:
        """Send again what ended since a moment."""
        row, given = self.row(), self.read(ReplaySerializer)
        again = Delivery.objects.filter(subscription=row, event__at__gte=given["since"])
        if given["only_failed"]:
            again = again.filter(state="failed")
        return self.once(lambda: Reply(200, {"count": outbox.replay(again, at=timezone.now())}))
