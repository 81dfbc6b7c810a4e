"""Many stations at once: each with its own database, written and sent by the real store and the real relay."""

from kiosk.simulators.fleet.fleet import Fleet as Fleet
from kiosk.simulators.fleet.plan import FleetPlan as FleetPlan
from kiosk.simulators.fleet.plan import FleetResult as FleetResult
from kiosk.simulators.fleet.plan import Manner as Manner
