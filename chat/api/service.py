"""Conversations, messages and attachments for chat-service's clients, who do the answering themselves."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, prefetch_related_objects
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.scope import AccountScoped
from accounts.models import Account, Membership, User
from accounts.permissions import CanWrite
from chat import attachments, transcript
from chat.api import examples
from chat.api.serializers import ConversationSerializer, MessageSerializer
from chat.api.service_serializers import (
    MIME_TYPE,
    AttachmentSerializer,
    BeginSerializer,
    NamedFileSerializer,
    NoteSerializer,
    UploadedFileSerializer,
)
from chat.api.views import ConversationViewSet
from chat.models import Attachment, Citation, Conversation, Message
from doculume.dialects import StructuredDialect
from doculume.dialects.parsers import StrictJSONParser, UploadParser
from doculume.errors import InvalidRequest, PermissionRefused
from doculume.text import storable
from knowledge.api.views import name_as_sent

UNKNOWN_TYPE = "application/octet-stream"


class NotYourUser(PermissionRefused):
    message = "You may begin conversations for yourself only."


class ServiceConversationViewSet(ConversationViewSet):
    """A user's own conversations; staff begin them for others too."""

    @extend_schema(
        request=BeginSerializer,
        responses={201: ConversationSerializer},
        examples=[examples.BEGIN, examples.CONVERSATION],
    )
    def create(self, request: Request) -> Response:
        """Begin a conversation. One that staff begin for somebody is in that person's own account, unless both are in
        the account that is acted in."""
        sent = BeginSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        user = self.whoever(sent.validated_data["user_id"])
        conversation = Conversation.objects.create(
            account=self.account_for(user), user=user, title=sent.validated_data["title"]
        )
        return Response(
            ConversationSerializer(conversation).data | {"message_count": 0}, status=status.HTTP_201_CREATED
        )

    def whoever(self, uuid: Any) -> User:
        """The user with that `uuid`, if the request may speak for them. That there is no such user only staff learn."""
        asking = self.membership.user
        if uuid == asking.uuid:
            return asking
        if not asking.is_staff:
            raise NotYourUser
        user = User.objects.filter(uuid=uuid, deleted_at=None, own_account__deleted_at=None).first()
        if user is None:
            raise InvalidRequest(details={"user_id": ["There is no such user."]})
        return user

    def account_for(self, user: User) -> Account:
        is_in_it = Membership.objects.filter(account=self.account, user=user).exists()
        return self.account if is_in_it else user.personal_account

    @extend_schema(responses=MessageSerializer(many=True))
    def messages(self, request: Request, pk: Any) -> Response:
        """All that was said, oldest first."""
        citations = Prefetch("citations", Citation.objects.filter(account=self.account))
        said = Message.objects.filter(account=self.account, conversation=self.get_object())
        ordered = said.order_by("created_at", "id").prefetch_related(citations)
        return Response(MessageSerializer(ordered, many=True).data)


class NoteView(StructuredDialect, AccountScoped, GenericAPIView[Any]):
    error_statuses = (404,)
    serializer_class = NoteSerializer

    @extend_schema(responses={201: MessageSerializer}, examples=[examples.NOTE, examples.NOTED])
    def post(self, request: Request) -> Response:
        """Store a message. Nothing answers it."""
        sent = self.get_serializer(data=request.data)
        sent.is_valid(raise_exception=True)
        message = transcript.note(self.account, self.membership.user, **sent.validated_data)
        prefetch_related_objects([message], Prefetch("citations", Citation.objects.filter(account=self.account)))
        return Response(MessageSerializer(message).data, status=status.HTTP_201_CREATED)


class AttachView(StructuredDialect, AccountScoped, GenericAPIView[Any]):
    error_statuses = (404,)
    permission_classes = [IsAuthenticated, CanWrite]
    parser_classes = [StrictJSONParser, UploadParser]
    serializer_class = NamedFileSerializer

    @extend_schema(
        request={"application/json": NamedFileSerializer, "multipart/form-data": UploadedFileSerializer},
        responses={201: AttachmentSerializer, 413: OpenApiResponse(description="The file is too large.")},
        examples=[examples.ATTACH, examples.ATTACHED],
    )
    def post(self, request: Request) -> Response:
        """Attach a file to a message: one that is uploaded here, or one of your storage by its key."""
        is_form = request.content_type.partition(";")[0].strip().lower() == "multipart/form-data"
        attachment = self.uploaded(request) if is_form and "file" in request.data else self.named(request)
        return Response(AttachmentSerializer(attachment).data, status=status.HTTP_201_CREATED)

    def uploaded(self, request: Request) -> Attachment:
        sent = UploadedFileSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        file, asked = sent.validated_data["file"], sent.validated_data
        said = file.content_type if MIME_TYPE.fullmatch(file.content_type or "") else UNKNOWN_TYPE
        return attachments.upload(
            self.account,
            self.membership.user,
            asked["message_id"],
            file,
            name=storable(name_as_sent(file)),
            file_type=asked.get("file_type", said[:255]),
        )

    def named(self, request: Request) -> Attachment:
        sent = NamedFileSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        return attachments.name(self.account, self.membership.user, **sent.validated_data)


class AttachmentsView(StructuredDialect, AccountScoped, GenericAPIView[Attachment]):
    serializer_class = AttachmentSerializer
    queryset = Attachment.objects.none()

    @extend_schema(responses=AttachmentSerializer(many=True))
    def get(self, request: Request, pk: Any) -> Response:
        """What is attached to a message, oldest first."""
        message = attachments.message_of(self.account, self.membership.user, pk)
        attached = Attachment.objects.filter(account=self.account, message=message)
        return Response(AttachmentSerializer(attached.order_by("created_at", "id"), many=True).data)
