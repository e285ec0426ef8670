"""A consumer eUICC (SGP.22) in the place of an IoT one (SGP.32): the agent stands in for what it lacks.

`stand_in` is what the procedures see. `memory` is what it keeps, in the journal, `eims` the associations in
it. `package` takes packages apart and puts signed results together, `execution` brings one to its result,
with `operations`; `switches` are rollback, fallback and return; `profiles` is ES10c with patience for odd
cards.
`device_key` signs in the place of the card's key, `signature` verifies an eIM's. `card` holds the parts.

Imported only when such a card is there: it needs cryptography, and that needs 8 MB.
"""
