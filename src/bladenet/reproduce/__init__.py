"""The paper's experiments with polishing (Figures 6 and 7) run again, with the ablation that it leaves out.

Needs the extra ``bladenet[torch]``. On the command line: ``bladenet reproduce figure6`` and ``figure7``.
"""
