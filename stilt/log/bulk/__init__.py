"""The fold of a long log: its lines read by machine code, and joined column by column."""
