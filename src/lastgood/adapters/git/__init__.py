"""git: the only package with GitPython and the git executable; one small function per question."""
