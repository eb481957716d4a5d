"""Properties are checked at leisure: the machine may be busy with other tests."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
