"""How English pages write days and times: without a word for before or after noon, and without a comma in a day."""

DATE_FORMAT = "j F Y"
DATETIME_FORMAT = "j F Y, H:i"
SHORT_DATE_FORMAT = "j M Y"
SHORT_DATETIME_FORMAT = "j M Y, H:i:s"
TIME_FORMAT = "H:i"
