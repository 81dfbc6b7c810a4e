"""A county: many villages with a life of their own, told by real stations to the demo's sorting center."""

from kiosk.simulators.county.county import County as County
from kiosk.simulators.county.plan import CountyPlan as CountyPlan
from kiosk.simulators.county.station import county_life as county_life
