"""One eIM for many cases: real TLS and signatures, and for each case records of its own."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ipad.asn1 import decode, encode
from ipad.testbed import pki
from ipad.testbed.eim import identity
from ipad.testbed.eim.eim import Eim
from ipad.testbed.eim.operations import order
from ipad.testbed.eim.packages import new_transaction
from ipad.testbed.eim.records import Records
from ipad.testbed.eim.serve import EIM_ID
from ipad.testbed.eim.server import EsipaServer
from ipad.testbed.https import tls_context
from ipad.testbed.smdp.functions import Es9


class Desk:
    """What one case's eIM has in hand: orders for one card, and what came back."""

    def __init__(self, eim: Eim, eid: str) -> None:
        self.eim = eim
        self.eid = eid

    @property
    def records(self) -> Records:
        return self.eim.records

    def order(self, *operations: dict[str, Any], forge: str | None = None, **other: Any) -> int:
        """Queues a package of operations; or with `data`, `download` or `raw` something else.

        raw: the answer to GetEimPackage in hexadecimal, with {} in the place of the eimTransactionId.
        """
        body: dict[str, Any] = {"operations": list(operations)} if operations else other
        transaction = new_transaction()
        if "raw" in body:
            body["raw"] = body["raw"].format(transaction.hex())
        made = order(body, transaction)
        return self.records.queue(self.eid, made.kind, body, transaction, made.package, made.answer, forge)

    def packages(self) -> list[dict[str, Any]]:
        return self.records.show_packages(self.eid)

    def package(self, number: int) -> dict[str, Any]:
        return next(package for package in self.packages() if package["id"] == number)

    def results(self, kind: str | None = None) -> list[dict[str, Any]]:
        return [r for r in self.records.show_results(None) if kind in (None, r["kind"])]

    def exchanges(self, function: str | None = None) -> list[dict[str, Any]]:
        return [line for line in self.records.show_log(None, 0) if function in (None, line["function"])]

    def told(self) -> list[dict[str, Any]]:
        """What GetEimPackage requests told of changes of the profile."""
        asked = [line["summary"] for line in self.exchanges("GetEimPackage")]
        return [summary for summary in asked if "notifyStateChange" in summary]


class EimHouse:
    """An eIM's server, and who it is."""

    def __init__(self, pki_dir: Path, server: EsipaServer, me: identity.Identity) -> None:
        self._pki = pki.paths(pki_dir)
        self._server = server
        self.identity = me

    def take_over(self, desk: Desk) -> None:
        """From now on it is here that this eIM is found."""
        self.identity = replace(self.identity, eim_id=desk.eim.identity.eim_id)
        self._server.eim = desk.eim

    def configuration(self, **changes: Any) -> str:
        """EimConfigurationData of it, DER in hexadecimal, with no more than its address and trust anchor."""
        whole = decode("EimConfigurationData", identity.configuration(self.identity, 0, None))
        kept = {name: whole[name] for name in ("eimId", "eimFqdn", "trustedPublicKeyDataTls")}
        return encode("EimConfigurationData", kept | changes).hex()

    def open_desk(self, directory: Path, eid: str, token: int | None, smdp: Es9 | None = None) -> Desk:
        """From now on the eIM keeps its records in `directory`; this card is registered.

        smdp: behind it, for downloads that go through it.
        """
        records = Records(directory)
        self._server.eim = Eim(self.identity, records, smdp=smdp)
        eum, euicc = (ssl.PEM_cert_to_DER_cert(p.read_text()) for p in (self._pki.eum, self._pki.euicc))
        records.register(eid, eum, euicc, token)
        return Desk(self._server.eim, eid)


@contextmanager
def open_house(
    directory: Path, pki_dir: Path, eim_id: str = EIM_ID, tls_dir: Path | None = None
) -> Iterator[EimHouse]:
    """Serves until the end of the block. tls_dir: where the server's TLS comes from, if from elsewhere."""
    pki.make_pki(pki_dir)
    where = pki.make_pki(tls_dir or pki_dir)
    me = identity.load(pki_dir, eim_id, "", "ca")
    me = replace(me, tls_ca=pki.read_certificate(where.eim_tls_ca), tls=pki.read_certificate(where.eim_tls))
    nobody = Records(directory)
    context = tls_context(where.eim_tls, where.eim_tls_key)
    with EsipaServer(Eim(me, nobody), context, 0, "both") as server:
        me = replace(me, fqdn=f"localhost:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield EimHouse(pki_dir, server, me)
        finally:
            server.shutdown()
            thread.join()
    nobody.close()
