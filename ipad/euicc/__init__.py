"""The eUICC's functions over ES10a, ES10b and ES10c (SGP.32 5.9, SGP.22 5.7). `isdr.Isdr` is the way in."""
