"""Pure decisions of validation: claims and their support, checks with findings for people, and confidence."""
