"""The readiness service: assess, see and act on facilitative administration."""

__version__ = "0.1.0"
