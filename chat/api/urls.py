from django.urls import URLPattern, register_converter

from chat.api.chats import ChatMessagesView, ChatViewSet
from chat.api.exporting import ExportView
from chat.api.fields import ConversationIdConverter
from chat.api.service import AttachmentsView, AttachView, NoteView, ServiceConversationViewSet
from chat.api.streams import MessageStreamView
from chat.api.views import AskView
from doculume.routing import both

register_converter(ConversationIdConverter, "conversation")

urlpatterns: list[URLPattern] = [
    both("chat/ask", AskView.as_view(), name="api-ask"),
    both(
        "chat/conversations",
        ServiceConversationViewSet.as_view({"get": "list", "post": "create"}),
        name="api-conversations",
    ),
    both(
        "chat/conversations/<conversation:pk>",
        ServiceConversationViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
        name="api-conversation",
    ),
    both("chat/messages/<uuid:pk>/stream", MessageStreamView.as_view(), name="api-message-stream"),
    both(
        "chat/conversations/<conversation:pk>/messages",
        ServiceConversationViewSet.as_view({"get": "messages"}),
        name="api-conversation-messages",
    ),
    both("chat/conversations/<conversation:pk>/export", ExportView.as_view(), name="api-conversation-export"),
    both("chat/messages", NoteView.as_view(), name="api-messages"),
    both("chat/messages/<uuid:pk>/attachments", AttachmentsView.as_view(), name="api-message-attachments"),
    both("chat/attachments", AttachView.as_view(), name="api-attachments"),
    both("chats", ChatViewSet.as_view({"get": "list", "post": "create"}), name="api-chats"),
    both(
        "chats/<conversation:pk>",
        ChatViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
        name="api-chat",
    ),
    both("chats/<conversation:pk>/messages", ChatMessagesView.as_view(), name="api-chat-messages"),
]
