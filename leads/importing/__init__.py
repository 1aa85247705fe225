"""How does a file of rows enter the product? Read, mapped, checked, written chunk by chunk, undone if it was wrong.

    files     any CSV or XLSX, whatever its encoding, staged as one JSON list a line: any row is one seek away
    cells     one cell into one value, or a code and a sentence
    kinds     what may be imported: fields, guesses, and the function that takes a chunk of rows
    runs      the run as a row: start, cancel, resume, reject file, release, undo

Rooms above register kinds of their own (`kinds.register`), as routing does for staff.
"""
