"""How answers look: as text for people, as JSON for programs, and progress while they wait."""
