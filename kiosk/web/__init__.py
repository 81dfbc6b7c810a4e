"""The pages of the station: a villager's screens, a live stream, nothing that decides."""
