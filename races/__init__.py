"""The schedule explorer: runs real pattern code on real servers in every order of its steps, in plain threads."""
