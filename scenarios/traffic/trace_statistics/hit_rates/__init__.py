"""Hit rates of a trace: by memory and by lifetime."""
