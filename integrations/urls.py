from django.urls import URLPattern

from doculume.routing import both
from integrations.views import SourceFile

urlpatterns: list[URLPattern] = [
    both("files/<str:signed>/<str:filename>", SourceFile.as_view(), name="source-file"),
]
