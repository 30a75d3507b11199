"""The runnable program: command line, settings, wiring, web process, worker process, demo."""
