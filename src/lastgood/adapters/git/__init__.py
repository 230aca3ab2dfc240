"""git: the only place with GitPython and the git executable; one small function per question."""
