"""What labels cost, and what the published results say they buy. numpy, scipy and pandas only."""
