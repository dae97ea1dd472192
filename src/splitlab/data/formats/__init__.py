"""One module for each dataset format; `data.open_dataset` lists them."""
