"""The pages, one module each; they translate requests and decide nothing."""
