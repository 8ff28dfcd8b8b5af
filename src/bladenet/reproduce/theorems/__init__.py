"""Every numbered statement of the paper, checked on numbers: ``bladenet reproduce theorems``.

What bladenet computes is compared with enumerations (``reproduce.enumeration``) and with the convex programs themselves
(``reproduce.convex_programs``), which share nothing with it. The formulas of the source text are lost; where the words
leave a choice, the row says what was read.
"""
