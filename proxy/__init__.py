"""A REST proxy between people and ChatGPT."""

__version__ = "0.1.0"
