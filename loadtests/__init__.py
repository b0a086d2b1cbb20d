"""How contenders are driven and measured."""
