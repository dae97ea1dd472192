"""Cost against AP: the page, and the paper's tables and figures as it prints them."""
