"""The desk at which support staff decide: approve, edit, reject or hand on what the services drafted."""
