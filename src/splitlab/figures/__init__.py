"""Pure functions from tables or detections to plotly figures."""
