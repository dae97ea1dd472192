"""The lessons: their text in Markdown, the functions that fill it, and the page that shows them."""
