"""Pure decisions of drafting: what is asked, which sentences answer it, and how an answer is laid out."""
