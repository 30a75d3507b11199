# What Tipline uses of twilio-python 9.x, which ships no py.typed.
__version__: str
