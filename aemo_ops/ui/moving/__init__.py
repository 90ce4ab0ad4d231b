"""The stages of the move as markup: what each shows of its Status. Pure: a Status in, markup out."""
