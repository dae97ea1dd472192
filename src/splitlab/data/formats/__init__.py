"""One module per dataset format; `data.open_dataset` lists them."""
