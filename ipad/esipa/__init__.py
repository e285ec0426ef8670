"""ESipa: the eIM's functions over HTTPS (SGP.32 6). `client.Esipa` is the way in."""
