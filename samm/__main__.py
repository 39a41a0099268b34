"""`python -m samm COMMAND` hands over to the editor's command line."""

import runpy

runpy.run_module("editing.command", run_name="__main__", alter_sys=True)
