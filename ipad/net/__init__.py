"""HTTPS over the cellular interface: TLS and whom it trusts, deadlines, limits. For ESipa, ES9+ and ES11."""
