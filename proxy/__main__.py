"""`python -m proxy`."""

from proxy.cli.main import main

main()
