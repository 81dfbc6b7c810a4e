"""Message catalogs in Uyghur, Chinese and English, and the only formatters of what people read."""

from kiosk.texts.catalog import MissingText, Texts, load, needs_review
from kiosk.texts.languages import LANGUAGES, Language
from kiosk.texts.plain import isolate, plain
