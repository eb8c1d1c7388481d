"""Training of what no single service can train alone, since it takes the outputs of several."""
