"""What rules and people tell somebody to look at: all of it in one list, to be settled many at a time."""

import re

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from arflow.desk import assignments, tasks
from arflow.web.forms import Reading
from arflow.web.pages import Pages
from arflow.web.paging import SIZE, paged
from arflow.web.transactions import connection
from arflow.web.visitors import current_user

pages = Pages("notices", __name__, roles={"caller", "lead", "admin"})

_NUMBER = re.compile(r"[0-9]{1,18}")


@pages.get("/notices", menu=("Notices", 14))
def every() -> str:
    """Open notices, the latest first."""
    user = current_user()
    page = paged(lambda offset, limit: tasks.notices(connection(), user, offset=offset, limit=limit))
    named = {name for one in page.rows for name in (one.task.assignee, one.task.made_by)}
    names = assignments.shown_names(connection(), named)
    return render_template("callers/notices.html", page=page, names=names, me=user)


@pages.post("/notices", again="every")
def settle() -> ResponseReturnValue:
    """Mark the ticked ones as done, or all that the page showed."""
    read = Reading()
    numbers = _numbers("shown" if request.form.get("which") == "shown" else "ticked")
    if not 0 < len(numbers) <= SIZE:
        read.refuse("ticked", f"tick 1 to {SIZE} notices")
    read.check()
    done = tasks.finish_notices(connection(), current_user(), numbers)
    flash(f"{done} notice{'' if done == 1 else 's'} done.", "success")
    if done < len(numbers):
        flash(f"{len(numbers) - done} of them somebody else had done already.", "info")
    return redirect(url_for(".every", page=request.args.get("page")), code=303)


def _numbers(name: str) -> set[int]:
    """The numbers that a form has in its fields of this name; what is none is left out."""
    texts = request.form.getlist(name)
    return {int(text) for text in texts if _NUMBER.fullmatch(text)}
