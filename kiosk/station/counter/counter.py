"""The counter: everything a clerk does, beside the desk where villagers bring in produce."""

from __future__ import annotations

from kiosk.station.counter.day import CounterDay
from kiosk.station.counter.scans import CounterScans


class Counter(CounterScans, CounterDay):
    """Thread-safe. Every act is a clerk's, checked against the open session, and raises CounterRefused.

    ``public_code`` alone is for everybody: it hands nothing out, it puts a parcel up for the clerk's tap.
    """
