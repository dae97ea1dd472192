"""The lessons: one file each with its screens, and the page that shows them."""
