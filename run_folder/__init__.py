"""The run folder: what a run recorded, and all that a report is made from. Imports nothing of ours."""
