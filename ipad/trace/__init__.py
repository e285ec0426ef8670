"""The trace: every APDU and every HTTP body in files, for whoever wonders what was said.

Two kinds of file in one directory, each bounded in size: `apdu.pcap`, which Wireshark opens, and
`http.jsonl`, one JSON object a line. It runs only where somebody wants it (`ipad trace start`, agent.trace
in the configuration). EIDs, ICCIDs and the IMEI are in it; activation codes, hashes of confirmation codes,
PINs and what AUTHENTICATE returns are blanked, and the agent's own keys never pass there.
"""
