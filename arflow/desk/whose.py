"""Of which accounts a list across accounts is: of those that somebody reaches, what one owner has, or all."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, select, union_all

from arflow.desk import access
from arflow.desk.users import User
from arflow.store.tables import account


@dataclass(frozen=True, kw_only=True)
class Whose:
    """The accounts that `user` reaches; with an `owner`, of these what that user or queue has."""

    user: User
    owner: str = ""

    @property
    def are_all(self) -> bool:
        """Whether these are all accounts there are."""
        return access.reaches_all(self.user) and not self.owner

    def condition(self) -> ColumnElement[bool]:
        """The condition on `tables.account`; each way to reach one is looked up by itself, by the index that it has."""
        ways = [select(account.c.id).where(way).correlate(None) for way in access.ways_to_reach(self.user)]
        reached = account.c.id.in_(union_all(*ways))
        if access.reaches_all(self.user):
            return account.c.owner == self.owner if self.owner else account.c.born
        return reached & (account.c.owner == self.owner) if self.owner else reached

    def ids(self, connection: Connection) -> list[str] | None:
        """The ids of these accounts; None for all."""
        if self.are_all:
            return None
        return list(connection.execute(select(account.c.id).where(self.condition())).scalars())
