"""The page Lessons: the texts are Markdown files in `texts/`; these modules draw the charts named in them."""
