"""The first start: a new station is set up by touch, one question per screen."""

from kiosk.web.first_start.app import create_first_start_app

__all__ = ["create_first_start_app"]
