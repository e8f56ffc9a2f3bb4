"""How the admin looks: the product's mark, its colors (those of static/css/doculume.css, in steps), its navigation."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

ACCENT = {
    "50": "#eef6f3",
    "100": "#e1ede9",
    "200": "#c3dfd7",
    "300": "#a8e0d4",
    "400": "#86cdbf",
    "500": "#5fb3a3",
    "600": "#1d5c55",
    "700": "#174e48",
    "800": "#14443f",
    "900": "#203834",
    "950": "#0d2421",
}
PAPER = {
    "50": "#f6f4ef",
    "100": "#efece5",
    "200": "#dedad0",
    "300": "#cbc7bd",
    "400": "#aaa69c",
    "500": "#6a655c",
    "600": "#524f49",
    "700": "#3b3e3c",
    "800": "#2a2e2c",
    "900": "#1a1d1c",
    "950": "#121413",
}


def theme(request: HttpRequest) -> str | None:
    """As chosen in the settings; None: as the browser likes it, with a switch beside the navigation."""
    from accounts.preferences import preferences_of

    chosen = str(preferences_of(request).theme)
    return chosen if chosen in ("light", "dark") else None


def mark(request: HttpRequest) -> str:
    return _static("icon.svg")


def own_styles(request: HttpRequest) -> str:
    return _static("css/admin.css")


def _static(path: str) -> str:
    from django.templatetags.static import static

    return static(path)


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "DocuLume",
    "SITE_HEADER": "DocuLume",
    "SITE_SUBHEADER": "Administration",
    "SITE_ICON": mark,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": mark}],
    "STYLES": [own_styles],
    "THEME": theme,
    "BORDER_RADIUS": "8px",
    "COLORS": {
        "base": PAPER,
        "primary": ACCENT,
        "font": {
            "subtle-light": "var(--color-base-500)",
            "subtle-dark": "var(--color-base-400)",
            "default-light": "var(--color-base-600)",
            "default-dark": "var(--color-base-300)",
            "important-light": "var(--color-base-950)",
            "important-dark": "var(--color-base-100)",
        },
    },
    "DASHBOARD_CALLBACK": "doculume.operations.first_page.with_figures",
    "ACCOUNT": {"navigation": "doculume.operations.navigation.own_links"},
    "SIDEBAR": {"show_search": False, "navigation": "doculume.operations.navigation.groups"},
}
