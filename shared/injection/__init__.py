"""Recognises texts that try to steer the model, or the person's tool, that reads them."""
