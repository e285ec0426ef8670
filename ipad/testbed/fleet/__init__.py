"""A fleet in virtual time: the daemon's own `decide`, for as many gateways as it takes, in a simulated world.

`scenario` says what happens to operators, eIM and power; `life` lives one gateway through it, from edge to
edge; `fleet` does that for all of them, in as many processes as there are processors; `report` draws it.
"""
