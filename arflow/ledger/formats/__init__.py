"""The import profiles that come with arflow, as YAML files. No code may live here."""
