"""How property tests run here: a busy machine is no failure.

Every run draws other examples, so that a few each time come to many; `--hypothesis-profile=thorough` draws many at
once.
"""

from hypothesis import HealthCheck, settings

settings.register_profile("often", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("often"), max_examples=1000)
settings.load_profile("often")
