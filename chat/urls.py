from django.templatetags.static import static
from django.urls import URLPattern, path
from django.views.generic import RedirectView

from chat import conversation_pages
from chat.views import ConversationPage, HomePage
from doculume.routing import both

urlpatterns: list[URLPattern] = [
    both("", HomePage.as_view(), name="home"),
    both("c/<uuid:pk>", ConversationPage.as_view(), name="conversation-page"),
    both("conversations", conversation_pages.ConversationsPage.as_view(), name="conversations"),
    both("conversations/several", conversation_pages.SeveralConversations.as_view(), name="conversations-several"),
    both("conversations/<uuid:pk>", conversation_pages.ReadConversation.as_view(), name="conversation"),
    both("conversations/<uuid:pk>/rename", conversation_pages.RenameConversation.as_view(), name="conversation-rename"),
    both("conversations/<uuid:pk>/delete", conversation_pages.DeleteConversation.as_view(), name="conversation-delete"),
    both("conversations/<uuid:pk>/export", conversation_pages.ExportConversation.as_view(), name="conversation-export"),
    # Where there is no page to name the icon, as beside a PDF, browsers ask for this.
    path("favicon.ico", RedirectView.as_view(url=static("icon.svg")), name="favicon"),
]
