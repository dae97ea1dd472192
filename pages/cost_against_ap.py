"""Cost against AP: every published and measured model, and which models beat a chosen one."""

from splitlab.app.cost.page import show_page

show_page()
