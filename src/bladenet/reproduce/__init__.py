"""The paper again: ``bladenet reproduce figure1`` to ``figure8``, ``theorems``, or ``all``.

Every figure is a picture, a table of the numbers in it, and a verdict that follows from them. Figures 6 and 7, on
polishing, come with the ablation that the paper leaves out; they and Theorems 9 and 10 need the extra
``bladenet[torch]``.
"""
