"""A REST proxy between people and ChatGPT."""

__version__ = "1.0.0"
