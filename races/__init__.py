"""The schedule explorer: real pattern code on real servers, in every order of its steps. Plain threads."""
