"""The commands of the command line, one module each.

Each module has ``DESCRIPTION`` and ``EPILOG`` (the help above and below the options), ``add_arguments(parser)`` and
``run(arguments)``, which returns the exit status. ``cli/main.py`` lists the commands in ``COMMANDS``.
"""
