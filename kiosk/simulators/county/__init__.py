"""A county: many villages with activity of their own, reported by real stations to the demo's sorting center."""

from kiosk.simulators.county.county import County as County
from kiosk.simulators.county.plan import CountyPlan as CountyPlan
from kiosk.simulators.county.station import county_life as county_life
