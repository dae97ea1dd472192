"""Charts and pictures: each function takes tables or arrays and returns a Plotly figure or an image. No Streamlit."""
