"""Properties are checked at leisure and always with the same examples: other tests run too."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None, derandomize=True)
settings.load_profile("unhurried")
