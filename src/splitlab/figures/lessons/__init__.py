"""Charts that only the lessons show."""
