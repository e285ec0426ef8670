"""What the `ipad` command prints for a person."""

import json
import time
from typing import Any

_CLOCK_SET = 1_700_000_000
"""A wall clock before this (2023) was never set."""


def span(seconds: float) -> str:
    """A length of time: "40 s", "3 min", "5 h 20 min", "2 d 3 h"."""
    whole = round(max(0.0, seconds))
    if whole < 100:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"


def status(s: dict[str, Any]) -> list[str]:
    """One screen: what is, why, and what comes next."""
    now = s["now"]
    radio = s["radio"] or {}
    link = (s.get("facts") or {}).get("said") if s["link"] else "not known yet"
    profile = s["iccid"] or "none enabled"
    if s["profile"]:
        profile += f" ({s['profile']})"
    if s["iccid"] and s["iccid"] == s["fallback_iccid"]:
        profile += ", the fallback profile"
    lines = [
        f"ipad     {s['version']}: {s['phase']} for {span(now - s['since'])}",
        f"why      {s['why']}" + (f"; for at most {span(s['until'] - now)} more" if s["until"] else ""),
        f"profile  {profile}",
        f"link     {link or s['link']}{_radio(radio)}",
    ]
    if radio.get("signal") is not None:
        lines.append(f"signal   {radio['signal']} dBm, {_quality(radio['signal'])}")
    if s.get("modem"):
        lines.append(f"modem    {s['modem']}")
    lines += _card(s.get("card"))
    if s["trial"]:
        verdict = "its result delivered" if s["trial"]["rollback"] else "a working link"
        lines.append(f"trial    {s['trial']['kind']}: waits for {verdict}")
    if s["on_fallback"]:
        wait = f", tried again in {span(s['return_at'] - now)}" if s["return_at"] else ""
        lines.append(f"fallback from {s['origin']}{wait}")
    if s.get("download"):
        lines.append(f"download {downloading(s['download'])}")
    elif s.get("download_at") is not None:
        lines.append(f"download ordered; goes on in {span(s['download_at'] - now)}, when there is a link")
    if not s["eims"]:
        lines.append("eim      none associated: run `ipad provision`")
    for eim_id, plan in s["eims"].items():
        last = "never polled" if plan["last_poll"] is None else f"polled {span(now - plan['last_poll'])} ago"
        failed = f", failed {plan['failures']} times" if plan["failures"] else ""
        lines.append(f"eim      {eim_id}: {last}{failed}, next in {span(plan['next_poll'] - now)}")
    if s.get("doing"):
        lines.append(f"doing    {s['doing']}")
    lines += [f"pending  {phrase}" for phrase in s.get("pending", ())]
    lines += _next(s)
    if s.get("trace"):
        lines.append(f"trace    runs, in {s['trace']}: stop it with `ipad trace stop`")
    return lines


def downloading(d: dict[str, Any]) -> str:
    """How far it is, in a line."""
    name = f" {d['name']!r}" if d["name"] else ""
    octets = f": {d['percent']} % of {d['total']} octets are on the card" if d["total"] else ""
    return f"{name.strip()} from {d['server']}".strip() + octets


def _card(card: dict[str, Any] | None) -> list[str]:
    """Of a consumer card what that means; an IoT card is what everybody expects."""
    return [f"card     {card['means']}"] if card and card["means"] else []


def _next(s: dict[str, Any]) -> list[str]:
    """What happens next if nothing else does, and when."""
    times = [(plan["next_poll"], f"a poll of {eim_id}") for eim_id, plan in s["eims"].items()]
    if s["return_at"] is not None:
        times.append((s["return_at"], f"a trial of {s['origin']}"))
    if s["until"]:
        times.append((s["until"], "the end of its patience"))
    if not times:
        return []
    when, what = min(times)
    return [f"next     {what}, in {span(when - s['now'])}"]


_QUALITIES = ((-75, "good"), (-90, "fair"), (-105, "weak"))
"""Received power in dBm from which on it is called so."""


def _quality(dbm: int) -> str:
    return next((word for least, word in _QUALITIES if dbm >= least), "very weak")


def _radio(radio: dict[str, Any]) -> str:
    words = [radio.get("registration"), radio.get("plmn"), radio.get("tech")]
    words.append(radio.get("address"))
    known = [str(w) for w in words if w]
    return f" ({', '.join(known)})" if known else ""


def why(s: dict[str, Any]) -> list[str]:
    """The row that was taken last, and its deadline."""
    until = f", for at most {span(s['until'] - s['now'])} more" if s["until"] else ""
    return [f"{s['phase']}: {s['why']} ({span(s['now'] - s['since'])} ago{until})"]


def profiles(listed: list[dict[str, Any]]) -> list[str]:
    lines = []
    for p in listed:
        marks = ["enabled" if p["enabled"] else "disabled", p["class"], "fallback" if p["fallback"] else None]
        marks += p["policy"]
        name = p["nickname"] or p["name"] or ""
        lines.append(
            f"{p['iccid']:<20}  {p['provider'] or '':<12} {name:<16} {', '.join(m for m in marks if m)}"
        )
    return lines or ["no profile on the card"]


def info(i: dict[str, Any]) -> list[str]:
    lines = [
        f"EID       {i['eid']}",
        f"eUICC     firmware {i['firmware']}, SVN {i['svn']}, IoT {', '.join(i['iot_versions']) or 'no'}",
        f"fallback  {'supported' if i['fallback_supported'] else 'not supported'}",
    ]
    lines += _card(i.get("card"))
    if i["free_memory"] is not None:
        lines.append(f"memory    {i['free_memory']} octets free")
    lines += [
        f"eIM       {e['eim_id']} at {e['fqdn']} (TLS anchor: {e['anchor'] or 'the CA store'})"
        for e in i["eims"]
    ]
    return lines


_MARKS = {True: "✔", False: "✘", None: "–"}


def finding(f: dict[str, Any]) -> list[str]:
    """One check of the doctor's, and what to do about it."""
    line = f"{_MARKS[f['ok']]} {f['name']}: {f['said']}"
    return [line, f"    {f['advice']}"] if f["advice"] else [line]


def trace(answer: dict[str, Any]) -> list[str]:
    where = answer["directory"]
    if not answer["running"]:
        return [f"stopped; it is in {where}" if where else "no trace was running"]
    return [
        f"everything that is said to card and servers is written to {where} until `ipad trace stop`",
        "apdu.pcap is for Wireshark, http.jsonl has a JSON object a line; both are bounded in size",
        "EIDs, ICCIDs and the IMEI are in it; activation codes, PINs and keys are blanked",
    ]


def history(entries: list[dict[str, Any]]) -> list[str]:
    return [f"{_when(e)}  {e['what']:<10} {e['text']}" for e in entries]


def _when(entry: dict[str, Any]) -> str:
    if entry["clock"] < _CLOCK_SET:
        return f"powered {span(entry['powered']):>12}"
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry["clock"]))


def order(answer: dict[str, Any]) -> list[str]:
    return [*answer["did"], f"now {answer['phase']}: {answer['why']}"]


def downloaded(answer: dict[str, Any]) -> list[str]:
    """What became of a download; without the daemon, nothing else happened."""
    now = [f"now {answer['phase']}: {answer['why']}"] if "phase" in answer else []
    return [*answer["did"], *now]


def injected(answer: dict[str, Any]) -> list[str]:
    """What became of a package that came by hand."""
    now = f"now {answer['phase']}: {answer['why']}"
    return [*answer["words"], f"the result is in {answer['written']}", now]


def provisioned(record: dict[str, Any]) -> list[str]:
    """What was done, in words, and then the record as one line of JSON."""
    lines = record["did"] or ["everything is as it should be: nothing was changed"]
    lines = [*lines, *(f"note: {note}" for note in record["notes"])]
    for eim in record["eims"]:
        if eim["association_token"] is not None:
            lines.append(f"{eim['eim_id']}: signs with association token {eim['association_token']}")
    unread = ", ".join(record["not_read_back"])
    return [*lines, f"cannot be read back from a card: {unread}", json.dumps(record)]
