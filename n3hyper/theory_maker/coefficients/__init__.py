"""DIS coefficient functions, made by yadism, and what is folded with them."""
