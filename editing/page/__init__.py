"""The page's parts: what a visitor's session holds, what a GPU does for it, what is shown and what is said.

`app.py` lays the page out and connects it with `handlers`. Only here does the program know about Gradio and
ZeroGPU; `samm` and the rest of `editing` do not.
"""
