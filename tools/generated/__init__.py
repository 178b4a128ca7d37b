"""What repeats a fact of the program elsewhere in the repository, written from it by `make generated`.

A writer gives the pieces that it owns: whole files, sections between two marks, or a column of a table. Nothing
of a piece is written by hand; `tests/contract/test_generated.py` fails where one differs.
"""
