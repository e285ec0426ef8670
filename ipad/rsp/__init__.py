"""The functions of SM-DP+ and SM-DS: ES9+ (SGP.22 5.6) and ES11 (SGP.22 5.8), and what goes with them.

- `activation_code` where a profile waits, as a person types it or an eIM orders it
- `es9`, `es11`     one server each, over `connection`; `servers` makes them
- `status`          refusals under the standard's names
- `trust`           GSMA's certificate issuers: whom a server's TLS certificate has to come from
- `server_check`    what the card cannot check of a server: address, OID and dates
"""
