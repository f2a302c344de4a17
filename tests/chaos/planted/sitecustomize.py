"""Python runs this first in every process that has this folder on its PYTHONPATH: it plants a fault there."""

import os

from tests.chaos.plants import plant

plant(os.environ["CHAOS_PLANT"])
