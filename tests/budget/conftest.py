from hypothesis import settings

# A busy machine is no bug: properties are checked, not how long one example takes.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
