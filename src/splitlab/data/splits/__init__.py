"""Which images are F and W: drawn, given or kept, and their file."""
