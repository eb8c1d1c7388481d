"""Quality on labelled data, through the same code that serves tickets."""
