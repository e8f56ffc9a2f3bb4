from django.templatetags.static import static
from django.urls import URLPattern, path
from django.views.generic import RedirectView

from chat.views import ConversationPage, HomePage
from doculume.routing import both

urlpatterns: list[URLPattern] = [
    both("", HomePage.as_view(), name="home"),
    both("c/<uuid:pk>", ConversationPage.as_view(), name="conversation-page"),
    # Where there is no page to name the icon, as beside a PDF, browsers ask for this.
    path("favicon.ico", RedirectView.as_view(url=static("icon.svg")), name="favicon"),
]
