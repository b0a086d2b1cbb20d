"""Reading and writing a run folder: the recorded facts of a run, from which every report is made."""
