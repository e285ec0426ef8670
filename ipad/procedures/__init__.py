"""The standard's procedures, one a file. Each writes a step down before it is done, and can resume it."""
