"""What a message to a customer says: standard templates in English, German and French, and how they are rendered.

Pure: an account's value, a template and a day go in, a subject, a text and an HTML page come out. The words are data,
one file for each template and language in `words/`; a letter's frame is in `layout/`. Templates are not trusted: they
are checked before they are compiled, and rendered in a sandbox. Nothing is sent here, and no clock is read.
"""
