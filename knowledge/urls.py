from django.urls import URLPattern

from doculume.routing import both
from knowledge import collection_pages as pages
from knowledge import document_pages as documents
from knowledge import import_pages as imports
from knowledge import model_pages as models
from knowledge.views import DocumentFile, DocumentPage

urlpatterns: list[URLPattern] = [
    both("documents", documents.DocumentsPage.as_view(), name="documents"),
    both("documents/moving", documents.MovingDocuments.as_view(), name="documents-moving"),
    both("documents/upload", documents.UploadDocuments.as_view(), name="documents-upload"),
    both("documents/several", documents.SeveralDocuments.as_view(), name="documents-several"),
    both("documents/<uuid:pk>/retry", documents.RetryDocument.as_view(), name="document-retry"),
    both("documents/<uuid:pk>/delete", documents.DeleteDocument.as_view(), name="document-delete"),
    both("documents/<uuid:pk>", DocumentPage.as_view(), name="document-page"),
    both("documents/<uuid:pk>/file", DocumentFile.as_view(), name="document-file"),
    both("collections", pages.CollectionsPage.as_view(), name="collections"),
    both("collections/<uuid:collection>", pages.CollectionPage.as_view(), name="collection"),
    both("collections/<uuid:collection>/rename", pages.RenameCollection.as_view(), name="collection-rename"),
    both("collections/<uuid:collection>/delete", pages.DeleteCollection.as_view(), name="collection-delete"),
    both("collections/<uuid:collection>/imports", imports.ImportsPage.as_view(), name="entry-imports"),
    both("collections/<uuid:collection>/imports/<uuid:pk>", imports.ImportPage.as_view(), name="entry-import"),
    both(
        "collections/<uuid:collection>/imports/<uuid:pk>/cancel",
        imports.CancelImport.as_view(),
        name="entry-import-cancel",
    ),
    both(
        "collections/<uuid:collection>/imports/<uuid:pk>/refused",
        imports.RefusedRows.as_view(),
        name="entry-import-refused",
    ),
    both("collections/<uuid:collection>/retry", pages.RetryCollection.as_view(), name="collection-retry"),
    both("collections/<uuid:collection>/entries/<uuid:pk>/retry", pages.RetryEntry.as_view(), name="entry-retry"),
    both("collections/<uuid:collection>/entries/new", pages.NewEntryPage.as_view(), name="entry-new"),
    both("collections/<uuid:collection>/entries/<uuid:pk>", pages.EntryPage.as_view(), name="entry"),
    both("collections/<uuid:collection>/entries/<uuid:pk>/delete", pages.DeleteEntry.as_view(), name="entry-delete"),
    both("models", models.ModelsPage.as_view(), name="models"),
    both("models/move", models.ModelMove.as_view(), name="models-move"),
    both("models/own-only", models.OwnModelsOnly.as_view(), name="models-own-only"),
    both("models/new", models.NewProvider.as_view(), name="model-provider-new"),
    both("models/<uuid:pk>", models.ProviderPage.as_view(), name="model-provider"),
    both("models/<uuid:pk>/try", models.TryProvider.as_view(), name="model-provider-try"),
    both("models/<uuid:pk>/use", models.UseProvider.as_view(), name="model-provider-use"),
    both("models/<uuid:pk>/delete", models.DeleteProvider.as_view(), name="model-provider-delete"),
    both("models/<uuid:pk>/own-key", models.OwnKey.as_view(), name="model-own-key"),
]
