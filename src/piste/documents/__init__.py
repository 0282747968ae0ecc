"""What people's and models' texts say: pure parsers, text in and data out.

`plan` reads a plan's steps, `todo` its check list, `replies` tells a document from what is none.
Nothing here opens a file, asks a model or knows what a text is for. It uses `system` for errors.
"""
