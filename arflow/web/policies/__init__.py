"""What a policy owner sees and does: policies to read, to compare and to ask, a draft to check and save, activation.

Thin, as all of `web/`: what a document means is `arflow.rules`', whether it is in order `arflow.checking`'s, and an
activation `arflow.advance`'s.
"""

from arflow.web.pages import Pages
from arflow.web.policies import drafts, proofs, reading, trials

BLUEPRINTS: tuple[Pages, ...] = (reading.pages, drafts.pages, proofs.pages, trials.pages)
"""The blueprints of these pages."""
