"""The only package that knows DVC; every module of DVC is imported inside a function (CONTRIBUTING.md, "Start-up")."""
