"""Thin. The queue's side of the doors: what is due is a row, the queue only rings. Nothing is decided or kept here."""
