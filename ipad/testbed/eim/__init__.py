"""A simulated eIM (SGP.32 2.4, 5.14): ESipa over HTTPS, and a REST interface for whoever runs it.

- `identity`   who it is: keys, EimConfigurationData
- `operations` what can be ordered, as JSON, into PSMOs, eCOs and requests
- `packages`   signing a package and handing it out
- `desk`       where everything that comes back is matched, recorded, counted: `results` verifies package
               results, data and download results, `notifications` what the card has to tell,
               `euicc_data` what it says of itself; `device_key`: an agent signs in its place
- `download`   downloads through the eIM, relayed to an SM-DP+
- `expand`     compact forms back into what was signed
- `esipa`      the functions, octets in and octets out; knows no HTTP and no binding; `eim` what they work on
- `bindings`   the two of ESipa, `json_binding` the one that needs translating, `server` both over HTTPS
- `admin`      the REST interface, `client` its other side, `command` its command line
- `records`    what it keeps, in sqlite3
- `faults`     how it misbehaves on demand; `shapes` what odd it sends, `odd` what odd it takes
"""
