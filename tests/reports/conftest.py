"""What the tests of reports share."""

import pytest
from sqlalchemy import Engine

from tests.reports.books import prepared


@pytest.fixture
def book(engine: Engine) -> Engine:
    """A database on the evening before anything happens, with three policies."""
    return prepared(engine)
