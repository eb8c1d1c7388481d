"""The drafters: extractive on this machine, or any OpenAI-compatible endpoint."""
