"""A notice to one of our own people: which account, which rule, and why. In English, and in text only. Pure."""

from arflow.accounts.entries import Account
from arflow.messages.languages import LANGUAGES
from arflow.messages.rendering import Message, plain


def notice(account: Account, rule: str, why: str) -> Message:
    """The notice that `rule` sends about `account`; `why` is what its policy says about the rule."""
    name = f" ({plain(account.name)})" if account.name else ""
    overdue = account.book.gross_overdue(account.policy_day)
    amount = LANGUAGES["en"].show_amount(overdue, account.currency).replace("\u00a0", " ")
    lines = [
        f"The rule `{plain(rule)}` asks you to look at account {plain(account.id)}{name}.",
        f"It stands in `{account.state}`, and {amount} is overdue.",
    ]
    if why:
        lines.append(f"The rule says: {plain(why)}")
    return Message(
        subject=f"Account {plain(account.id)}: {plain(rule)}", text="\n\n".join([*lines, ""]), html="", language="en"
    )
