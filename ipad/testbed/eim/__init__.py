"""A simulated eIM (SGP.32 2.4, 5.14): ESipa over HTTPS, and a REST interface for whoever runs it.

- `identity`   who it is: keys, EimConfigurationData
- `operations` what can be ordered, as JSON, into PSMOs, eCOs and requests
- `packages`   signing a package and handing it out
- `results`    verifying and recording what comes back
- `esipa`      the functions, octets in and octets out; knows no HTTP
- `server`     the ASN.1 binding over HTTPS
- `admin`      the REST interface, `command` its command line
- `records`    what it keeps, in sqlite3
- `faults`     how it misbehaves on demand
"""
