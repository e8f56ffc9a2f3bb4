from django.urls import URLPattern

from chat.views import ConversationPage, HomePage
from doculume.routing import both

urlpatterns: list[URLPattern] = [
    both("", HomePage.as_view(), name="home"),
    both("c/<uuid:pk>", ConversationPage.as_view(), name="conversation-page"),
]
