"""The shape of every document that `--json` answers, one module for each command. Imported for types and by `schema`
only: no command pays for them at its start. Keys are added, never renamed or removed."""
