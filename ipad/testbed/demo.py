"""`make demo`: one gateway through its day, with the real daemon and all the rest simulated.

Every part is a process of its own; AT, APDUs, DER, TLS and signatures are real. What happens is printed as it
happens. At each chapter's end the eIM's records and the card's own state are asked whether it came out
right; the agent's word does not count.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from ipad.errors import IpadError
from ipad.testbed import ladder
from ipad.testbed.gateway import Gateway
from ipad.testbed.timeline import Failed, Timeline
from modem.mock import MODELS
from modem.mock.models import Latencies

BOOTSTRAP, NORD, SUED = "89999900000000000016", "8900101000000000019", "8900102000000000018"
SPARE = "8900101000000000027"
PROFILES = {
    NORD: {
        "iccid": NORD,
        "imsi": "001010000000001",
        "name": "Nord IoT",
        "provider": "Nord",
        "package": "usual",
    },
    SUED: {"iccid": SUED, "imsi": "001020000000001", "name": "Sued IoT", "provider": "Sued"},
    SPARE: {"iccid": SPARE, "imsi": "001010000000002", "name": "Nord Spare", "provider": "Nord"},
}
"""What the operators have ready at the SM-DP+."""
NORD_PLMN, SUED_PLMN = "00101", "00102"
OTHER_EIM_CAUSE, FALLBACK_CAUSE = 0, 1
"""StateChangeCause otherEim(0), fallback(1)."""
CAT_BUSY = 5
"""EnableProfileResult catBusy(5)."""
FAST = 0.5

WAITS = {
    "grace": 2.0,
    "reattach": 1.0,
    "bearer": 1.0,
    "radio_cycle": 1.0,
    "reset": 1.0,
    "settle": 0.5,
    "trial": 6.0,
    "return_after": 4.0,
    "return_max": 30.0,
    "probe": 1.0,
    "probe_interval": 3.0,
    "probe_retry": 1.0,
    "poll_start": 1.0,
    "poll_spread": 1.0,
    "poll_min": 0.5,
    "poll_retry": 1.0,
    "poll_retry_max": 4.0,
    "download_retry": 1.0,
    "download_retry_max": 4.0,
    "card_retry": 1.0,
    "connect": 3.0,
    "http": 4.0,
    "refresh": 5.0,
    "sim_ready": 8.0,
    "carrier": 10.0,
}
"""A day's patience, in a minute: what takes hours on a gateway takes seconds here."""


def associate(gateway: Gateway, line: Timeline) -> None:
    line.chapter("1. The factory: the card gets its eIM")
    gateway.provision()
    card = gateway.card()
    if gateway.consumer:
        knows = (card["kind"], card["eims"])
        line.check("the card is a consumer one, and knows nothing of eIMs", knows == ("consumer", []))
        [known] = gateway.eim("GET", "/euiccs", eid=card["eid"])
        line.check("the eIM knows the key that the agent signs with", known["deviceKey"] is not None)
    else:
        eims = [e["eimId"] for e in card["eims"]]
        line.check("the card is associated with exactly this eIM", eims == [gateway.eim_id])
    line.check("it holds nothing but its bootstrap profile", gateway.holds() == {BOOTSTRAP})


def first_poll(gateway: Gateway, line: Timeline) -> None:
    line.chapter("2. First power-up, on the bootstrap profile")
    gateway.start_agent()
    line.wait_for("the first poll", lambda: gateway.polls() > 0)
    line.check("the gateway roams on the bootstrap profile", gateway.serving()[0] == 5)


def inventory(gateway: Gateway, line: Timeline) -> None:
    line.chapter("3. The eIM asks what is on the card")
    package = gateway.order({"listProfileInfo": {}})
    gateway.ipad("poll")
    line.wait_for("the list of profiles", lambda: gateway.state_of(package) == "done")
    listed = gateway.package(package)["outcome"][0]["listProfileInfoResult"]["profileInfoListOk"]
    line.check(
        f"signed {_by(gateway)}, it lists the bootstrap profile, and nothing else",
        {p["iccid"] for p in listed} == {BOOTSTRAP},
    )


def download_directly(gateway: Gateway, line: Timeline) -> None:
    line.chapter("4. Nord arrives: straight from its SM-DP+, by the activation code that the eIM sends")
    code = gateway.order_profile(PROFILES[NORD])
    package = gateway.queue({"download": {"activationCode": code}})
    _arrives(gateway, line, package, NORD)
    line.check("the eIM relayed nothing", not gateway.exchanges("GetBoundProfilePackage"))


def download_through_the_eim(gateway: Gateway, line: Timeline) -> None:
    line.chapter("5. Sued arrives: through the eIM, which keeps the activation code and a confirmation code")
    code = gateway.order_profile({**PROFILES[SUED], "confirmationCode": "4711"})
    matching_id = code.split("$")[2]
    order = {"eim": True, "matchingId": matching_id, "confirmationCode": "4711"}
    package = gateway.queue({"download": order})
    _arrives(gateway, line, package, SUED)
    line.check("the eIM relayed it", len(gateway.exchanges("GetBoundProfilePackage")) == 1)


def download_from_the_smds(gateway: Gateway, line: Timeline) -> None:
    line.chapter("6. A spare arrives: the SM-DS knows where it waits")
    gateway.order_profile(
        {**PROFILES[SPARE], "eid": gateway.card()["eid"], "matchingId": "S1", "event": True}
    )
    line.check("the SM-DS has the event", len(gateway.smds.call("GET", "/events")) == 1)
    package = gateway.queue({"download": {"smds": ""}})
    _arrives(gateway, line, package, SPARE)
    line.wait_for("the end of the event", lambda: not gateway.smds.call("GET", "/events"))
    line.check("the SM-DS has it no more", not gateway.smds.call("GET", "/events"))


def _arrives(gateway: Gateway, line: Timeline, package: int, iccid: str) -> None:
    gateway.ipad("poll")
    line.wait_for("the profile", lambda: gateway.state_of(package) == "done")
    line.check("the card has the profile", iccid in gateway.holds())
    line.wait_for("the SM-DP+ to hear of it", lambda: bool(gateway.smdp.installed(iccid)))
    line.check("the SM-DP+ has the result that the card signed", len(gateway.smdp.installed(iccid)) == 1)
    line.check("so has the eIM, once", gateway.accepted_results(package) == 1)
    line.wait_for("an empty card", lambda: not gateway.card()["notifications"])


def enable(gateway: Gateway, line: Timeline) -> None:
    line.chapter("7. The eIM enables Nord, and allows a rollback")
    package = _order_nord(gateway, line)
    if {"enableResult": CAT_BUSY} in gateway.package(package)["outcome"]:
        line.say("eIM", "the card was busy with its modem: the same once more")
        line.wait_for("the modem, which is reset for that", lambda: gateway.serving()[0] == 5)
        line.wait_for("the link", lambda: gateway.phase() == "operating")
        package = _order_nord(gateway, line)
    line.wait_for("the verdict", lambda: gateway.phase() == "operating")
    line.check("the card has Nord enabled", gateway.enabled() == NORD)
    line.check("the modem is at home in Nord", gateway.serving() == (1, NORD_PLMN))
    line.check(f"the eIM has it signed {_by(gateway)}, once", gateway.accepted_results(package) == 1)


def _order_nord(gateway: Gateway, line: Timeline) -> int:
    package = gateway.order({"enable": NORD, "rollback": True})
    gateway.ipad("poll")
    line.wait_for("the result, over Nord", lambda: gateway.state_of(package) == "done")
    return package


def lost(gateway: Gateway, line: Timeline) -> None:
    line.chapter("8. Nord goes dark")
    gateway.operator(NORD_PLMN, "dark")
    line.wait_for("the fallback", lambda: gateway.enabled() == BOOTSTRAP)
    line.wait_for("a poll that says why", lambda: FALLBACK_CAUSE in [cause for cause, _ in gateway.told()])
    line.check("the card has its fallback profile enabled", gateway.enabled() == BOOTSTRAP)
    if not gateway.consumer:  # there the agent remembers it: the next chapter shows whether it does
        line.check("and remembers where it came from", gateway.card()["fallbackOrigin"] is not None)
    line.check(
        "the eIM was told: fallback, and the serving network",
        (FALLBACK_CAUSE, SUED_PLMN) in gateway.told(),
    )


def come_back(gateway: Gateway, line: Timeline) -> None:
    line.chapter("9. The trial of a return: first too early, then not")
    line.wait_for("the first trial", lambda: gateway.enabled() == NORD)
    line.wait_for("its failure", lambda: gateway.enabled() == BOOTSTRAP)
    gateway.operator(NORD_PLMN, "on")
    line.wait_for("the second trial", lambda: gateway.enabled() == NORD)
    line.wait_for(
        "a poll over Nord",
        lambda: gateway.phase() == "operating" and gateway.last_poll() > gateway.switches()[-1],
    )
    fell, tried, fell_again, tried_again = gateway.switches()[-4:]
    first, second = tried - fell, tried_again - fell_again
    line.check(f"the second came after a longer wait ({second:.0f} s, not {first:.0f} s)", second > first)
    line.check("the card has Nord enabled again", gateway.enabled() == NORD)
    line.check("the modem is at home in Nord", gateway.serving() == (1, NORD_PLMN))


def roll_back(gateway: Gateway, line: Timeline) -> None:
    line.chapter("10. The eIM enables Sued, which is dark: rollback")
    gateway.operator(SUED_PLMN, "dark")
    package = gateway.order({"enable": SUED, "rollback": True})
    gateway.ipad("poll")
    line.wait_for("the switch", lambda: gateway.enabled() == SUED)
    line.wait_for("the rollback", lambda: gateway.enabled() == NORD)
    line.wait_for("its result", lambda: gateway.state_of(package) == "rolled back")
    line.wait_for("the verdict", lambda: gateway.phase() == "operating")
    line.check("the card has Nord enabled", gateway.enabled() == NORD)
    line.check("the modem is at home in Nord", gateway.serving() == (1, NORD_PLMN))


def power_cut(gateway: Gateway, line: Timeline) -> None:
    line.chapter("11. The daemon is killed in the middle of a switch")
    gateway.operator(SUED_PLMN, "on")
    package = gateway.order({"enable": SUED, "rollback": True})
    gateway.ipad("poll", wait=False)
    line.wait_for("the card to switch", lambda: gateway.enabled() == SUED)
    gateway.kill_agent()
    line.check("nothing had been delivered yet", gateway.accepted_results(package) == 0)
    gateway.start_agent()
    line.wait_for("the result", lambda: gateway.state_of(package) == "done")
    line.check("the card has Sued enabled", gateway.enabled() == SUED)
    line.check("the result counts once", gateway.accepted_results(package) == 1)
    line.wait_for("an empty card", lambda: not gateway.card()["results"])


def eim_down(gateway: Gateway, line: Timeline) -> None:
    line.chapter("12. The eIM itself is down for a while")
    line.wait_for("the verdict on Sued", lambda: gateway.phase() == "operating")
    switches, polls = gateway.switches(), gateway.polls()
    gateway.kill_eim()
    gateway.ipad("poll")
    # Longer than grace, all remedies and a trial together.
    line.pass_time(gateway.waits["grace"] + 4 * gateway.waits["reset"] + gateway.waits["trial"])
    line.check("no switch: the card was not touched", gateway.switches() == switches)
    line.check("and has Sued enabled", gateway.enabled() == SUED)
    gateway.start_eim()
    line.wait_for("a poll, by itself", lambda: gateway.polls() > polls)
    line.check("then it is polled again", gateway.polls() > polls)


def _by(gateway: Gateway) -> str:
    """Who signs results: the eIM has verified it."""
    return "with the device key" if gateway.consumer else "by the card"


def second_eim(gateway: Gateway, line: Timeline) -> None:
    """Only with --eims 2, after the third chapter: from then on both are on the card."""
    second = gateway.eims[1]
    line.chapter("3a. A second eIM: added by the first")
    package = gateway.order({"addEim": second.configuration()})
    gateway.ipad("poll")
    line.wait_for("the association", lambda: gateway.state_of(package) == "done")
    token = gateway.package(package)["outcome"][0]["addEimResult"]["associationToken"]
    second.register(eid=gateway.card()["eid"], token=token)
    line.wait_for("a poll of it, by itself", lambda: bool(second.exchanges("GetEimPackage")))
    number = gateway.queue_at(second, {"operations": [{"listProfileInfo": {}}]})
    gateway.ipad("poll")
    line.wait_for("its list of profiles", lambda: second.package(number)["state"] == "done")
    line.check("each eIM has its own result, and no other's", gateway.accepted_results(package) == 1)
    line.check("the second has its own", len(second.call("GET", "/results")) == 1)


CHAPTERS = (
    associate,
    first_poll,
    inventory,
    download_directly,
    download_through_the_eim,
    download_from_the_smds,
    enable,
    lost,
    come_back,
    roll_back,
    power_cut,
    eim_down,
)


def chapters(eims: int) -> list[Callable[[Gateway, Timeline], None]]:
    """The day's, with so many eIMs."""
    return [*CHAPTERS[:3], *([second_eim] if eims > 1 else []), *CHAPTERS[3:]]


def spoken(gateway: Gateway, line: Timeline, binding: str) -> None:
    """Not a chapter: in which binding all of it went, by the eIM's own log."""
    log = [e["summary"].get("binding") for e in gateway.eim("GET", "/log") if e["status"] in (200, 204)]
    expected = "asn1" if binding == "both" else binding
    line.check(f"every answer of the eIM was in the binding {expected}", set(log) == {expected})
    if len(gateway.eims) > 1:
        told = [cause for cause, _ in gateway.eims[1].told()]
        line.check(
            "the second eIM was told of what it had not ordered: by another eIM, and the fallback",
            {OTHER_EIM_CAUSE, FALLBACK_CAUSE} <= set(told),
        )


def pace(model: str) -> float:
    """Factor of a slow modem's latencies: its day would not fit into a minute."""
    usual, own = Latencies(), MODELS[model].latencies
    return min(1.0, usual.boot / own.boot, usual.registration / own.registration)


def main(argv: list[str] | None = None) -> int:
    """Runs the day; 0 only if every check holds."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--fast", action="store_true", help="shorter waits; nothing is skipped")
    parser.add_argument("--card", choices=("iot", "consumer"), default="iot", help="(%(default)s)")
    parser.add_argument(
        "--binding", choices=("both", "asn1", "json"), default="both", help="that the eIM knows (%(default)s)"
    )
    parser.add_argument("--eims", type=int, choices=(1, 2), default=1, help="on the card (%(default)s)")
    parser.add_argument(
        "--model",
        choices=sorted(MODELS),
        default="generic",
        help="of the modem (%(default)s); ms2372h has no way to its eUICC",
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep all state and logs there")
    parser.add_argument("--ladder", action="store_true", help="another day: each remedy for a lost link")
    arguments = parser.parse_args(argv)
    scale = FAST if arguments.fast else 1.0
    own = ladder.WAITS if arguments.ladder else {}
    waits = {name: seconds * scale for name, seconds in {**WAITS, **own}.items()}
    day = ladder.CHAPTERS if arguments.ladder else chapters(arguments.eims)
    line = Timeline({BOOTSTRAP: "Bootstrap", NORD: "Nord", SUED: "Sued", SPARE: "Spare"})
    with tempfile.TemporaryDirectory(prefix="ipad-demo-") as made:
        directory = arguments.keep or Path(made)
        directory.mkdir(parents=True, exist_ok=True)
        gateway = Gateway(
            directory.absolute(),
            line,
            scale * pace(arguments.model),
            waits,
            card=arguments.card,
            bindings=arguments.binding,
            eims=arguments.eims,
            model=arguments.model,
            blank=not arguments.ladder,
        )
        try:
            with gateway:
                for chapter in day:
                    chapter(gateway, line)
                spoken(gateway, line, arguments.binding)
        except (Failed, IpadError) as problem:
            line.give_up(str(problem), gateway.agent_log())
    return line.conclude()


if __name__ == "__main__":
    sys.exit(main())
