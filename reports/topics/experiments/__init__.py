"""What the experiments found: a file each."""
