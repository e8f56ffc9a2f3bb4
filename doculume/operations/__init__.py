"""The admin as a place: its site, its navigation, its first page, and the page about the system."""
