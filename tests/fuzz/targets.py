"""Every place where octets from outside come in."""

from tests.fuzz import from_card, from_eim, from_files, from_server

TARGETS = (*from_card.targets(), *from_eim.TARGETS, *from_server.TARGETS, *from_files.TARGETS)
